#include "collectors/ollama/error_answer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

nlohmann::json body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: " + std::to_string(answer.size() - end - 4) + "\r\n"),
            std::string::npos);
  return nlohmann::json::parse(answer.substr(end + 4));
}

TEST(ErrorAnswer, HasTheFormThatClientsOfTheRouteKnow) {
  const auto ollama = body_of(make_error_answer(403, "no", "POST", "/api/pull"));
  EXPECT_EQ(ollama, nlohmann::json::parse(R"({"error":"no"})"));
  for (const char* target : {"/v1/chat/completions", "/v1/models?x", "/v1/messagesx"}) {
    const auto openai = body_of(make_error_answer(403, "no", "POST", target));
    EXPECT_EQ(openai["error"]["message"], "no") << target;
    EXPECT_EQ(openai["error"]["type"], "permission_error") << target;
    EXPECT_TRUE(openai["error"].contains("code") && openai["error"].contains("param")) << target;
  }
  for (const char* target : {"/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens"}) {
    const auto anthropic = body_of(make_error_answer(502, "no", "POST", target));
    EXPECT_EQ(anthropic["type"], "error") << target;
    EXPECT_EQ(anthropic["error"]["type"], "api_error") << target;
  }
  EXPECT_EQ(
      body_of(make_error_answer(502, "no", "POST", "/completion", UpstreamKind::openai))["error"]["type"],
      "api_error");
  EXPECT_TRUE(body_of(make_error_answer(502, "no", "POST", "/completion")).at("error").is_string());
}

TEST(ErrorAnswer, AHeadHasNoBody) {
  const std::string answer = make_error_answer(502, "no", "HEAD", "/");
  EXPECT_EQ(answer.substr(0, 26), "HTTP/1.1 502 Bad Gateway\r\n");
  EXPECT_EQ(answer.substr(answer.size() - 4), "\r\n\r\n");
}

}  // namespace
}  // namespace tegrascope
