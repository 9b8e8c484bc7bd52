// HTTP texts and an event recorder for the tests of this folder.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "collectors/ollama/witness.hpp"

namespace tegrascope::test {

inline std::string request(std::string_view method, std::string_view target, std::string_view body = "",
                           std::string_view more_fields = "") {
  std::string out = std::string(method) + " " + std::string(target) +
                    " HTTP/1.1\r\nHost: 127.0.0.1:11434\r\n" + std::string(more_fields);
  if (!body.empty())
    out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + std::string(body);
}

inline std::string chunk(std::string_view payload) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (std::size_t n = payload.size(); n > 0; n /= 16) size.insert(size.begin(), kDigits[n % 16]);
  return size + "\r\n" + std::string(payload) + "\r\n";
}

inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

inline std::string chunked_head(std::string_view content_type) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(content_type) +
         "\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";
}

inline std::string json_answer(int status, std::string_view body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// One NDJSON token object of /api/chat, with its newline.
inline std::string chat_token(std::string_view text) {
  return R"({"model":"qwen2.5:7b","created_at":"2026-11-22T10:00:00.1Z","message":{"role":"assistant","content":")" +
         std::string(text) + "\"},\"done\":false}\n";
}

inline constexpr std::string_view kChatFinal =
    R"({"model":"qwen2.5:7b","created_at":"2026-11-22T10:00:01Z","message":{"role":"assistant","content":""},"done":true,)"
    R"("done_reason":"stop","total_duration":900000000,"load_duration":20000000,"prompt_eval_count":12,)"
    R"("prompt_eval_duration":80000000,"eval_count":3,"eval_duration":700000000})"
    "\n";

// Keeps the events of a witness; any thread.
class EventLog {
 public:
  RequestSink sink() {
    return [this](RequestEvent&& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    };
  }
  template <typename Event>
  std::vector<Event> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Event> out;
    for (const RequestEvent& event : events_) {
      if (const auto* wanted = std::get_if<Event>(&event)) out.push_back(*wanted);
    }
    return out;
  }
  std::vector<RequestEnded> ended() const { return all<RequestEnded>(); }
  void clear() {
    const std::lock_guard lock(mutex_);
    events_.clear();
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<RequestEvent> events_;
};

}  // namespace tegrascope::test
