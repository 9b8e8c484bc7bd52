// TCP as the relay uses it. Every descriptor is born non-blocking and with FD_CLOEXEC: a child process
// would keep the relay's ports and its clients' connections open.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/socket.hpp"

namespace tegrascope {

using TcpEndpoint = boost::asio::ip::tcp::endpoint;

// "127.0.0.1:11481", "[::1]:0", "localhost:80", ":11481" (every address). Blocks on DNS for other names.
// Throws std::runtime_error with a message that quotes the text.
std::vector<TcpEndpoint> resolve_address(std::string_view host_port);

// Binds and listens. Throws std::system_error whose text names the address.
int open_listener(const TcpEndpoint& endpoint);

// Of a socket that listens already, as systemd passes it: made non-blocking and FD_CLOEXEC. Throws
// std::system_error when it is no TCP socket that listens.
void adopt_listener(int descriptor);

std::uint16_t local_port(int descriptor);  // 0: not known

// Address of this machine that the peer connected to, without port; IPv4 written as such. Empty: not known.
std::string local_address(int descriptor);

// The next waiting connection, tuned; -1 and ec when there is none.
int accept_waiting(Socket& listener, error_code& ec);

// Opens `socket`, tuned, and begins to connect it: writable() when that is done, and connect_result() how it went.
void begin_connect(Socket& socket, const TcpEndpoint& endpoint, error_code& ec);
error_code connect_result(const Socket& socket);

// Whether bytes wait to be received.
bool has_waiting(const Socket& socket);

// Closes with RST instead of FIN: what is not yet delivered is dropped.
void reset_socket(Socket& socket);

// Sends FIN; the other direction stays open.
void finish_sending(const Socket& socket);

}  // namespace tegrascope
