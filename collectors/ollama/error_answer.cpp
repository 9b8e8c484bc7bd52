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
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    default:
      return "Error";
  }
}

}  // namespace

std::string make_error_answer(int status, std::string_view message, std::string_view method,
                              std::string_view target) {
  nlohmann::ordered_json body;
  if (target.substr(0, 4) == "/v1/") {
    body["error"] = {{"message", message},
                     {"type", status < 500 ? "invalid_request_error" : "api_error"},
                     {"param", nullptr},
                     {"code", nullptr}};
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
