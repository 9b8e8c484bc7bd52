#include "simulator/http.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <charconv>
#include <ctime>

namespace tegrascope::simulator {
namespace {

namespace asio = boost::asio;
using boost::asio::use_awaitable;

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kMaxBody = 32 * 1024 * 1024;
constexpr auto kPeerCheck = std::chrono::milliseconds{20};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Value of a header in the lines after the request line; empty when absent.
std::string_view header(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos) {
    at += 2;
    const std::size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end == std::string_view::npos ? end : end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_word(line.substr(0, colon), name))
      return trim(line.substr(colon + 1));
    at = end;
  }
  return {};
}

std::optional<std::size_t> parse_number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Request Entity Too Large";
    case 499:
      return "Client Closed Request";
    default:
      return "Internal Server Error";
  }
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

std::string connection_header(const HttpRequest& request) {
  return request.keep_alive ? "" : "Connection: close\r\n";
}

}  // namespace

HttpConnection::HttpConnection(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

asio::awaitable<std::size_t> HttpConnection::read_more() {
  char buffer[8192];
  boost::system::error_code error;
  const std::size_t count =
      co_await socket_.async_read_some(asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
  if (error) co_return 0;
  in_.append(buffer, count);
  co_return count;
}

asio::awaitable<void> HttpConnection::refuse(int status) {
  HttpRequest request;
  request.keep_alive = false;
  std::string text = fmt::format("{} {}", status, reason(status));
  co_await answer(request, status, "text/plain; charset=utf-8", std::move(text));
}

asio::awaitable<bool> HttpConnection::read_chunked_body(HttpRequest& request) {
  while (true) {
    std::size_t end = in_.find("\r\n");
    while (end == std::string::npos) {
      const std::size_t count = co_await read_more();
      if (count == 0 || in_.size() > kMaxBody) co_return false;
      end = in_.find("\r\n");
    }
    const std::optional<std::size_t> size = parse_number(std::string_view(in_).substr(0, end), 16);
    if (!size || request.body.size() + *size > kMaxBody) co_return false;
    while (in_.size() < end + 2 + *size + 2) {
      const std::size_t count = co_await read_more();
      if (count == 0) co_return false;
    }
    request.body.append(in_, end + 2, *size);
    in_.erase(0, end + 2 + *size + 2);
    if (*size == 0) co_return true;
  }
}

asio::awaitable<bool> HttpConnection::read_body(std::string_view head, HttpRequest& request) {
  const bool chunked = same_word(header(head, "Transfer-Encoding"), "chunked");
  const std::optional<std::size_t> length = parse_number(header(head, "Content-Length"), 10);
  const std::size_t wanted = length ? *length : 0;
  if (wanted > kMaxBody) co_return false;
  if (same_word(header(head, "Expect"), "100-continue")) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket_, asio::buffer(go_on), use_awaitable);
  }
  if (chunked) {
    const bool complete = co_await read_chunked_body(request);
    co_return complete;
  }
  while (in_.size() < wanted) {
    const std::size_t count = co_await read_more();
    if (count == 0) co_return false;
  }
  request.body = in_.substr(0, wanted);
  in_.erase(0, wanted);
  co_return true;
}

asio::awaitable<std::optional<HttpRequest>> HttpConnection::read_request() {
  streaming_ = false;
  pending_head_.clear();
  std::size_t end = in_.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (in_.size() > kMaxHead) {
      co_await refuse(400);
      co_return std::nullopt;
    }
    const std::size_t count = co_await read_more();
    if (count == 0) co_return std::nullopt;
    end = in_.find("\r\n\r\n");
  }
  const std::string head = in_.substr(0, end);
  in_.erase(0, end + 4);
  HttpRequest request;
  const std::string line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string::npos || second <= first || line.compare(second + 1, 5, "HTTP/") != 0) {
    co_await refuse(400);
    co_return std::nullopt;
  }
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, second - first - 1);
  request.path = request.path.substr(0, request.path.find('?'));
  const std::string_view connection = header(head, "Connection");
  request.keep_alive =
      line.compare(second + 1, std::string::npos, "HTTP/1.0") != 0 && !same_word(connection, "close");
  const bool complete = co_await read_body(head, request);
  if (!complete) {
    if (!client_gone()) co_await refuse(413);
    co_return std::nullopt;
  }
  co_return request;
}

asio::awaitable<void> HttpConnection::answer(const HttpRequest& request, int status,
                                             std::string_view content_type, std::string body) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nDate: {}\r\nContent-Length: {}\r\n{}\r\n", status,
                  reason(status), content_type, http_date(), body.size(), connection_header(request));
  if (request.method != "HEAD") text += body;
  co_await asio::async_write(socket_, asio::buffer(text), use_awaitable);
}

void HttpConnection::begin_stream(const HttpRequest& request, std::string_view content_type) {
  pending_head_ =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nDate: {}\r\nTransfer-Encoding: chunked\r\n{}\r\n",
                  content_type, http_date(), connection_header(request));
}

asio::awaitable<void> HttpConnection::send_chunk(std::string data) {
  std::string text = pending_head_ + fmt::format("{:x}\r\n", data.size()) + data + "\r\n";
  pending_head_.clear();
  streaming_ = true;
  co_await asio::async_write(socket_, asio::buffer(text), use_awaitable);
}

asio::awaitable<void> HttpConnection::end_stream() {
  std::string text = pending_head_ + "0\r\n\r\n";
  pending_head_.clear();
  co_await asio::async_write(socket_, asio::buffer(text), use_awaitable);
}

bool HttpConnection::client_gone() {
  if (closed_) return true;
  char byte = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

asio::awaitable<bool> HttpConnection::wait_until(MonotonicTime until) {
  while (!client_gone()) {
    const MonotonicTime now = monotonic_now();
    if (now >= until) co_return true;
    const MonotonicTime next = std::min<MonotonicTime>(until, now + kPeerCheck);
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(next));
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
  co_return false;
}

void HttpConnection::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

}  // namespace tegrascope::simulator
