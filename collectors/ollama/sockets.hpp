// What the relay asks of the kernel's sockets. Every descriptor is born non-blocking and with FD_CLOEXEC: a child process
// would keep the relay's ports and its clients' connections open.
#pragma once

#include <sys/epoll.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/socket.hpp"

namespace tegrascope {

using TcpEndpoint = boost::asio::ip::tcp::endpoint;
using boost::system::error_code;

// Of calls that would have to wait; the end of a stream is boost::asio::error::eof.
bool would_block(const error_code& ec);

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
std::string local_address(const Socket& socket);

// The next waiting connection, tuned; -1 and ec when there is none.
int accept_waiting(const Socket& listener, error_code& ec);

// Opens `socket`, tuned, and begins to connect it: writable() when that is done, and connect_result() how it went.
void begin_connect(Socket& socket, const TcpEndpoint& endpoint, error_code& ec);
error_code connect_result(const Socket& socket);

// The three calls of a token's way are made without the C library's wrappers: these and the cancellation points in them
// lie on pages of their own, all cold when a token comes (measured: 5 % of a token's cost at 50 tokens a second).

// epoll_pwait(2) without signals: how many of `events` came, 0 also when it was interrupted.
int wait_now(int epoll, std::span<epoll_event> events, int timeout_ms);

// What there is, at most the buffer's size. 0 with an error otherwise.
std::size_t receive_now(const Socket& socket, std::span<char> buffer, error_code& ec);

// Sends what fits at once and returns how much that was; 0 without error when the peer does not take any now.
std::size_t send_now(const Socket& socket, std::string_view bytes, error_code& ec);

// Whether bytes wait to be received.
bool has_waiting(const Socket& socket);

// Closes with RST instead of FIN: what is not yet delivered is dropped.
void reset_socket(Socket& socket);

// Sends FIN; the other direction stays open.
void finish_sending(const Socket& socket);

}  // namespace tegrascope
