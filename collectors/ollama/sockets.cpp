#include "collectors/ollama/sockets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

// A peer that vanished without a word is noticed after about two minutes; silence of a living one may last
// for ever.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveProbes = 4;

error_code last_error() { return {errno, boost::system::system_category()}; }

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

void tune(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

int new_socket(const TcpEndpoint& endpoint) {
  return ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

std::string to_text(const TcpEndpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

std::vector<TcpEndpoint> resolve_address(std::string_view host_port) {
  const std::size_t colon = host_port.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : digits_only(host_port.substr(colon + 1));
  if (!port || *port > 65535) {
    throw std::runtime_error(
        fmt::format("address '{}' is not host:port; write for example 127.0.0.1:11481", host_port));
  }
  const auto port_number = static_cast<std::uint16_t>(*port);
  std::string host(host_port.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) return {{asio::ip::address_v6::any(), port_number}};
  error_code ec;
  const auto address = asio::ip::make_address(host, ec);
  if (!ec) return {{address, port_number}};
  if (equals_ignoring_case(host, "localhost")) {
    return {{asio::ip::address_v4::loopback(), port_number}, {asio::ip::address_v6::loopback(), port_number}};
  }
  asio::io_context io;
  asio::ip::tcp::resolver resolver(io);
  std::vector<TcpEndpoint> out;
  for (const auto& entry : resolver.resolve(host, std::to_string(port_number), ec))
    out.push_back(entry.endpoint());
  if (ec || out.empty()) {
    throw std::runtime_error(
        fmt::format("address '{}' cannot be resolved: {}; write an IP address", host_port, ec.message()));
  }
  return out;
}

TcpAcceptor open_listener(asio::io_context& io, const TcpEndpoint& endpoint) {
  const int fd = new_socket(endpoint);
  if (fd >= 0) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (fd >= 0 && endpoint.address().is_v6()) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (fd < 0 || ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    throw std::system_error(error, std::generic_category(),
                            fmt::format("cannot listen on {}: choose another address with "
                                        "--relay.listen-address, or stop the program that holds it "
                                        "(ss -ltnp shows it)",
                                        to_text(endpoint)));
  }
  TcpAcceptor acceptor(io.get_executor());
  acceptor.assign(endpoint.protocol(), fd);
  return acceptor;
}

TcpAcceptor adopt_listener(asio::io_context& io, int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
      ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    throw std::system_error(
        ENOTSOCK, std::generic_category(),
        fmt::format("descriptor {} is no TCP socket that listens (the relay's socket unit "
                    "needs ListenStream=ADDRESS:PORT and Accept=no)",
                    socket));
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  TcpAcceptor acceptor(io.get_executor());
  acceptor.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket);
  return acceptor;
}

std::string local_address(const TcpSocket& socket) {
  error_code ec;
  const TcpEndpoint endpoint = socket.local_endpoint(ec);
  if (ec) return {};
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

TcpSocket accept_waiting(TcpAcceptor& acceptor, const Executor& executor, error_code& ec) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  TcpSocket socket(executor);
  const int fd = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&peer), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    ec = last_error();
    return socket;
  }
  tune(fd);
  socket.assign(peer.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd, ec);
  if (ec) ::close(fd);
  return socket;
}

void open_socket(TcpSocket& socket, const TcpEndpoint& endpoint, error_code& ec) {
  const int fd = new_socket(endpoint);
  if (fd < 0) {
    ec = last_error();
    return;
  }
  tune(fd);
  socket.assign(endpoint.protocol(), fd, ec);
  if (ec) ::close(fd);
}

std::size_t send_now(TcpSocket& socket, std::string_view bytes, error_code& ec) {
  ssize_t sent = 0;
  do {
    sent = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  ec = error_code();
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno != EAGAIN && errno != EWOULDBLOCK) ec = last_error();
  return 0;
}

void reset_socket(TcpSocket& socket) {
  if (!socket.is_open()) return;
  const linger drop{1, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
  close_socket(socket);
}

void close_socket(TcpSocket& socket) {
  error_code ignored;
  socket.close(ignored);
}

void finish_sending(TcpSocket& socket) {
  error_code ignored;
  if (socket.is_open()) socket.shutdown(TcpSocket::shutdown_send, ignored);
}

}  // namespace tegrascope
