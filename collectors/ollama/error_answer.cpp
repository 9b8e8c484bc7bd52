#include "collectors/ollama/error_answer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

std::string_view openai_type(int status) {
  if (status == 403) return "permission_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

std::string_view anthropic_type(int status) {
  return status == 503 ? "overloaded_error" : openai_type(status);
}

bool is_below(std::string_view target, std::string_view path) {
  if (target.substr(0, path.size()) != path) return false;
  return target.size() == path.size() ||
         std::string_view("/?").find(target[path.size()]) != std::string_view::npos;
}

}  // namespace

std::string make_error_answer(int status, std::string_view message, std::string_view method,
                              std::string_view target, UpstreamKind kind) {
  nlohmann::ordered_json body;
  if (is_below(target, "/v1/messages")) {
    body["type"] = "error";
    body["error"] = {{"type", anthropic_type(status)}, {"message", message}};
  } else if (kind == UpstreamKind::openai || is_below(target, "/v1")) {
    body["error"] = {
        {"message", message}, {"type", openai_type(status)}, {"param", nullptr}, {"code", nullptr}};
  } else {
    body["error"] = message;
  }
  const std::string text = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      status, reason_phrase(status), text.size(), method == "HEAD" ? std::string() : text);
}

}  // namespace tegrascope
