// Socket calls that Asio lacks: every descriptor is born with FD_CLOEXEC (Asio sets none, so a child process
// would keep the relay's ports and its clients' connections open).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/asio.hpp"

namespace tegrascope {

// "127.0.0.1:11481", "[::1]:0", "localhost:80", ":11481" (every address). Blocks on DNS for other names.
// Throws std::runtime_error with a message that quotes the text.
std::vector<TcpEndpoint> resolve_address(std::string_view host_port);

// Binds and listens. Throws std::system_error whose text names the address.
TcpAcceptor open_listener(asio::io_context& io, const TcpEndpoint& endpoint);

// A socket that listens already, as systemd passes it: made non-blocking and FD_CLOEXEC. Throws
// std::system_error when it is no TCP socket that listens.
TcpAcceptor adopt_listener(asio::io_context& io, int socket);

// Address of this machine that the peer connected to, without port; IPv4 written as such. Empty: not known.
std::string local_address(const TcpSocket& socket);

// The next waiting connection, non-blocking and tuned; ec is would_block when none waits.
TcpSocket accept_waiting(TcpAcceptor& acceptor, const Executor& executor, error_code& ec);

// Opens `socket` for a connection to an endpoint of that kind, non-blocking and tuned.
void open_socket(TcpSocket& socket, const TcpEndpoint& endpoint, error_code& ec);

// Sends what fits at once and returns how much that was; 0 without error when the peer does not take any now.
std::size_t send_now(TcpSocket& socket, std::string_view bytes, error_code& ec);

// Closes with RST instead of FIN: what is not yet delivered is dropped.
void reset_socket(TcpSocket& socket);

void close_socket(TcpSocket& socket);

// Sends FIN; the other direction stays open.
void finish_sending(TcpSocket& socket);

}  // namespace tegrascope
