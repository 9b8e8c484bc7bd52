// A small HTTP/1.1 endpoint: GET and HEAD, keep-alive, bounded in every direction. It knows no metrics; a
// function answers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tegrascope {

struct HttpRequest {
  std::string method;  // GET or HEAD
  std::string path;    // without the query
  std::string query;   // after '?', as sent
  std::string accept;
  std::string accept_encoding;
  std::string host;      // the Host field, port included; empty: none
  bool loopback = true;  // came to a loopback address of this machine
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::shared_ptr<const std::string> body;  // may be shared between replies; null is empty
  bool gzip = false;                        // the body is compressed
  bool vary_by_encoding = false;            // another Accept-Encoding gets another body
};

// Reply whose body is `text`.
HttpReply text_reply(int status, std::string text);

struct HttpServerOptions {
  std::size_t max_connections = 64;  // one more evicts the one that idled longest
  std::uint32_t max_header_bytes = 8192;
  std::chrono::milliseconds idle_timeout{30'000};  // for a whole request head, and for each answer
  std::vector<int> sockets;  // listening already (systemd holds them); in the place of the addresses
};

// All members on the thread that runs `context`, or while it does not run. Handlers run there too, must not
// block; one that throws gives 500. Other methods get 405, a request with a body 413, an oversize head 431, a
// malformed one 400.
class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  // Addresses as in --web.listen-address: 127.0.0.1:11480, [::1]:11480, localhost:11480, :11480 for all
  // interfaces; port 0 takes a free one.
  HttpServer(boost::asio::io_context& context, std::vector<std::string> listen_addresses, Handler handler,
             HttpServerOptions options = {});
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on all addresses or on none; the ports in their order. Throws std::invalid_argument for an address
  // that is none and std::runtime_error for one that cannot be had; both name it and say what to do.
  std::vector<std::uint16_t> start();

  // Closes listeners and connections at once.
  void stop();

  std::size_t connections() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  // connections whose handlers are still queued share it
};

}  // namespace tegrascope
