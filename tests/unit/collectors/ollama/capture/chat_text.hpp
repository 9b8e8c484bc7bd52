// A streamed chat of three tokens, in pieces.
#pragma once

#include <string>

#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope::test {

inline std::string chat_request(const std::string& more = "") {
  return request("POST", "/api/chat", R"({"model":"qwen2.5:7b","messages":[{"content":")" + more + "\"}]}");
}
inline std::string head() { return chunked_head("application/x-ndjson"); }
inline std::string token(const std::string& text = "a") { return chunk(chat_token(text)); }
inline std::string last() { return chunk(kChatFinal) + std::string(kLastChunk); }

}  // namespace tegrascope::test
