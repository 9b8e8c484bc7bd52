#include "exporters/http/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <list>
#include <optional>
#include <stdexcept>
#include <utility>

#include "exporters/http/listen_address.hpp"

namespace tegrascope {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // after a failure such as EMFILE

// Asio sets no CLOEXEC; a child process would keep ports and connections open.
void close_on_exec(int descriptor) { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

std::string_view view(boost::string_view s) { return {s.data(), s.size()}; }

// Whether the peer reached this machine by an address that only this machine has, whatever was listened on.
bool is_on_loopback(const tcp::socket& socket) {
  error_code error;
  asio::ip::address address = socket.local_endpoint(error).address();
  if (error) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.is_loopback();
}

}  // namespace

HttpReply text_reply(int status, std::string text) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::make_shared<const std::string>(std::move(text));
  return reply;
}

namespace {

// What a connection needs from its server.
struct Service {
  HttpServer::Handler handler;
  HttpServerOptions options;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Closed = std::function<void(Connection*)>;

  Connection(tcp::socket socket, bool loopback, const Service& service, Closed closed)
      : stream_(std::move(socket)), loopback_(loopback), service_(service), closed_(std::move(closed)) {}

  void start() { read_head(); }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  // Since when it waits for a request; nothing while it answers one.
  std::optional<std::chrono::steady_clock::time_point> idle_since() const { return idle_since_; }

 private:
  using Response = http::response<http::span_body<const char>>;

  void read_head() {
    idle_since_ = std::chrono::steady_clock::now();
    parser_.emplace();
    parser_->header_limit(service_.options.max_header_bytes);
    stream_.expires_after(service_.options.idle_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
  }

  void on_head(error_code error) {
    idle_since_.reset();
    if (error == http::error::header_limit)
      return answer(text_reply(431, "The request head is too large.\n"), false);
    if (error.category() == make_error_code(http::error::end_of_stream).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return answer(text_reply(400, "This is not an HTTP request.\n"), false);
    }
    if (error) return finish();
    const auto& head = parser_->get();
    const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) > 0;
    const bool keep_alive = parser_->keep_alive();
    if (head.method() != http::verb::get && head.method() != http::verb::head) {
      return answer(text_reply(405, "Only GET and HEAD are answered here.\n"), keep_alive && !has_body);
    }
    if (has_body) return answer(text_reply(413, "A request body is not accepted here.\n"), false);
    answer(reply_to(head), keep_alive);
  }

  HttpReply reply_to(const http::request<http::empty_body>& head) const {
    const std::string_view target = view(head.target());
    const std::size_t question = target.find('?');
    HttpRequest request;
    request.method = view(head.method_string());
    request.path = target.substr(0, question);
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    request.host = view(head[http::field::host]);
    request.accept = view(head[http::field::accept]);
    request.accept_encoding = view(head[http::field::accept_encoding]);
    request.loopback = loopback_;
    try {
      return service_.handler(request);
    } catch (const std::exception&) {
      return text_reply(500, "The page could not be made; this is a defect of tegrascope.\n");
    }
  }

  void answer(HttpReply reply, bool keep_alive) {
    body_ = std::move(reply.body);
    const std::string_view body = body_ ? std::string_view{*body_} : std::string_view{};
    const bool is_head = parser_->get().method() == http::verb::head;
    response_.emplace();
    response_->version(11);
    response_->result(static_cast<unsigned>(reply.status));
    response_->set(http::field::content_type, reply.content_type);
    response_->set("X-Content-Type-Options", "nosniff");
    response_->set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    if (reply.gzip) response_->set(http::field::content_encoding, "gzip");
    if (reply.vary_by_encoding) response_->set(http::field::vary, "Accept-Encoding");
    if (reply.status == 405) response_->set(http::field::allow, "GET, HEAD");
    response_->keep_alive(keep_alive);
    response_->content_length(body.size());
    if (!is_head) response_->body() = {body.data(), body.size()};
    stream_.expires_after(service_.options.idle_timeout);
    serializer_.emplace(*response_);
    if (is_head) serializer_->split(true);
    auto done = [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
      if (error || !keep_alive) return self->finish();
      self->read_head();
    };
    if (is_head) {
      http::async_write_header(stream_, *serializer_, std::move(done));
    } else {
      http::async_write(stream_, *serializer_, std::move(done));
    }
  }

  void finish() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.close();
    closed_(this);
  }

  beast::tcp_stream stream_;
  const bool loopback_;
  const Service& service_;  // the closure below keeps its owner alive
  const Closed closed_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::shared_ptr<const std::string> body_;
  std::optional<Response> response_;
  std::optional<http::response_serializer<http::span_body<const char>>> serializer_;
  std::optional<std::chrono::steady_clock::time_point> idle_since_;
};

struct Listener {
  explicit Listener(asio::io_context& context) : acceptor(context), pause(context) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
};

}  // namespace

class HttpServer::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& context, std::vector<std::string> addresses, Service service)
      : context_(context), addresses_(std::move(addresses)), service_(std::move(service)) {}

  std::vector<std::uint16_t> start() {
    std::vector<std::uint16_t> ports;
    try {
      for (const int socket : service_.options.sockets) ports.push_back(adopt(socket));
      if (ports.empty()) {
        for (const std::string& address : addresses_) ports.push_back(listen(address));
      }
    } catch (...) {
      listeners_.clear();
      throw;
    }
    for (Listener& listener : listeners_) accept(listener);
    return ports;
  }

  void stop() {
    stopped_ = true;
    for (Listener& listener : listeners_) {
      error_code ignored;
      listener.acceptor.close(ignored);
      listener.pause.cancel();
    }
    for (const auto& connection : connections_) connection->close();
    connections_.clear();
  }

  std::size_t connections() const { return connections_.size(); }

 private:
  std::uint16_t listen(const std::string& address) {
    const auto endpoint = parse_listen_address(address);
    Listener& listener = listeners_.emplace_back(context_);
    error_code error;
    auto& acceptor = listener.acceptor;
    acceptor.open(endpoint.protocol(), error);
    if (!error) close_on_exec(acceptor.native_handle());
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw std::runtime_error(listen_failure(address, error));
    return acceptor.local_endpoint().port();
  }

  std::uint16_t adopt(int socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
    Listener& listener = listeners_.emplace_back(context_);
    error_code error;
    listener.acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), socket, error);
    if (error) throw std::runtime_error("the socket that systemd passed cannot be used: " + error.message());
    close_on_exec(socket);
    return listener.acceptor.local_endpoint(error).port();
  }

  void accept(Listener& listener) {
    listener.acceptor.async_accept(
        [self = shared_from_this(), &listener](error_code error, tcp::socket socket) {
          if (self->stopped_) return;
          if (error) return self->accept_later(listener);
          self->adopt(std::move(socket));
          self->accept(listener);
        });
  }

  void accept_later(Listener& listener) {
    listener.pause.expires_after(kAcceptPause);
    listener.pause.async_wait([self = shared_from_this(), &listener](error_code) {
      if (!self->stopped_) self->accept(listener);
    });
  }

  void adopt(tcp::socket socket) {
    close_on_exec(socket.native_handle());
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (connections_.size() >= service_.options.max_connections && !evict_idle()) return;
    const bool loopback = is_on_loopback(socket);
    auto connection = std::make_shared<Connection>(
        std::move(socket), loopback, service_, [self = shared_from_this()](Connection* closed) {
          self->connections_.remove_if([&](const auto& c) { return c.get() == closed; });
        });
    connections_.push_back(connection);
    connection->start();
  }

  // False: all of them are being answered.
  bool evict_idle() {
    auto longest = connections_.end();
    for (auto it = connections_.begin(); it != connections_.end(); ++it) {
      const auto since = (*it)->idle_since();
      if (since && (longest == connections_.end() || *since < *(*longest)->idle_since())) longest = it;
    }
    if (longest == connections_.end()) return false;
    (*longest)->close();
    connections_.erase(longest);
    return true;
  }

  asio::io_context& context_;
  const std::vector<std::string> addresses_;
  const Service service_;
  std::list<Listener> listeners_;
  std::list<std::shared_ptr<Connection>> connections_;
  bool stopped_ = false;
};

HttpServer::HttpServer(asio::io_context& context, std::vector<std::string> listen_addresses, Handler handler,
                       HttpServerOptions options)
    : core_(std::make_shared<Core>(context, std::move(listen_addresses),
                                   Service{std::move(handler), options})) {}

HttpServer::~HttpServer() { stop(); }

std::vector<std::uint16_t> HttpServer::start() { return core_->start(); }

void HttpServer::stop() { core_->stop(); }

std::size_t HttpServer::connections() const { return core_->connections(); }

}  // namespace tegrascope
