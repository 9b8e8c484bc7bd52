// Just enough HTTP/1.1 for the simulated Ollama: one connection, its requests one after the other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/time.hpp"

namespace tegrascope::simulator {

struct HttpRequest {
  std::string method;
  std::string path;  // without the query
  std::string body;
  bool keep_alive = true;
};

// The thread of its io_context only. A failed read or write throws boost::system::system_error: the client
// has gone.
class HttpConnection {
 public:
  explicit HttpConnection(boost::asio::ip::tcp::socket socket);

  // The next request; nullopt when the client closed between requests or sent something that is no request
  // (it has then been answered with 400 or 413).
  boost::asio::awaitable<std::optional<HttpRequest>> read_request();

  // A whole answer. HEAD requests get the head only.
  boost::asio::awaitable<void> answer(const HttpRequest& request, int status, std::string_view content_type,
                                      std::string body);

  // A chunked answer: the head goes out with the first chunk, as Go's server does it. A status of 200.
  void begin_stream(const HttpRequest& request, std::string_view content_type);
  boost::asio::awaitable<void> send_chunk(std::string data);
  boost::asio::awaitable<void> end_stream();
  bool streaming() const { return streaming_; }  // at least one chunk is out

  // Waits until `until`, or returns early with false when the client closed or close() was called. Resolution
  // 20 ms for leaving, and the timer's for the instant.
  boost::asio::awaitable<bool> wait_until(MonotonicTime until);
  bool client_gone();

  // Ends every operation; safe to call at any time and more than once.
  void close();

 private:
  boost::asio::awaitable<std::size_t> read_more();
  boost::asio::awaitable<bool> read_body(std::string_view head, HttpRequest& request);
  boost::asio::awaitable<bool> read_chunked_body(HttpRequest& request);
  boost::asio::awaitable<void> refuse(int status);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::string in_;  // read and not yet consumed
  std::string pending_head_;
  bool streaming_ = false;
  bool closed_ = false;
};

}  // namespace tegrascope::simulator
