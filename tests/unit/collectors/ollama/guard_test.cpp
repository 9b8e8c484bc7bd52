#include "collectors/ollama/guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

TEST(Guard, AModelIsOnePlainSegment) {
  for (const char* odd : {"/v1/models/", "/v1/models/..", "/v1/models/.", "/v1/models/../../api/pull",
                          "/v1/models/%2e%2e", "/v1/models/a%2fb", "/v1/models/a/b", "/v1/models/a%00"})
    EXPECT_FALSE(guard_allows("GET", odd, UpstreamKind::ollama)) << odd;
  EXPECT_TRUE(guard_allows("GET", "/v1/models/qwen2.5%3A7b", UpstreamKind::ollama));
  EXPECT_TRUE(guard_allows("GET", "/v1/models/hf.co_a@1:7b", UpstreamKind::ollama));
}

struct Case {
  const char* method;
  const char* path;
  bool passes;
};

TEST(Guard, KnowsTheRoutesOfOpenaiServers) {
  for (const Case& c : std::initializer_list<Case>{{"POST", "/completion", true},
                                                   {"POST", "/v1/chat/completions", true},
                                                   {"GET", "/health", true},
                                                   {"GET", "/v1/models", true},
                                                   {"GET", "/props", true},
                                                   {"POST", "/props", false},
                                                   {"GET", "/slots", false},
                                                   {"POST", "/slots/0?action=erase", false},
                                                   {"POST", "/lora-adapters", false},
                                                   {"POST", "/v1/load_lora_adapter", false},
                                                   {"POST", "/api/chat", false},
                                                   {"POST", "/sleep", false}})
    EXPECT_EQ(guard_allows(c.method, c.path, UpstreamKind::openai), c.passes) << c.method << " " << c.path;
}

}  // namespace
}  // namespace tegrascope
