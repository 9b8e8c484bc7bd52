#include "collectors/ollama/guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

struct Case {
  const char* method;
  const char* path;
  bool passes;
};

// Every route of GenerateRoutes in server/routes.go of ollama 0.33.
constexpr Case kRoutes[] = {
    {"HEAD", "/", true},
    {"GET", "/", true},
    {"HEAD", "/api/version", true},
    {"GET", "/api/version", true},
    {"GET", "/api/status", true},
    {"HEAD", "/api/tags", true},
    {"GET", "/api/tags", true},
    {"POST", "/api/show", true},
    {"GET", "/api/ps", true},
    {"POST", "/api/generate", true},
    {"POST", "/api/chat", true},
    {"POST", "/api/embed", true},
    {"POST", "/api/embeddings", true},
    {"POST", "/v1/chat/completions", true},
    {"POST", "/v1/completions", true},
    {"POST", "/v1/embeddings", true},
    {"GET", "/v1/models", true},
    {"GET", "/v1/models/qwen2.5:7b", true},
    {"POST", "/v1/responses", true},
    {"POST", "/v1/messages", true},
    {"POST", "/v1/audio/transcriptions", true},
    {"POST", "/api/pull", false},
    {"POST", "/api/push", false},
    {"POST", "/api/create", false},
    {"POST", "/api/copy", false},
    {"DELETE", "/api/delete", false},
    {"HEAD", "/api/blobs/sha256:1", false},
    {"POST", "/api/blobs/sha256:1", false},
    {"POST", "/api/me", false},
    {"POST", "/api/signout", false},
    {"DELETE", "/api/user/keys/k", false},
    {"POST", "/api/experimental/web_search", false},
    {"POST", "/api/experimental/web_fetch", false},
    {"GET", "/api/experimental/model-recommendations", false},
    {"GET", "/debug/pprof/", false},
    {"GET", "/metrics", false},
    {"POST", "/slots/0?action=erase", false},
};

TEST(Guard, LetsInferenceAndReadingPass) {
  for (const Case& c : kRoutes) {
    EXPECT_EQ(guard_allows(c.method, c.path, UpstreamKind::ollama), c.passes) << c.method << " " << c.path;
    EXPECT_EQ(guard_allows(c.method, std::string(c.path) + "?a=/api/chat", UpstreamKind::ollama), c.passes);
    EXPECT_EQ(guard_allows("OPTIONS", c.path, UpstreamKind::ollama), c.passes) << c.path;
    for (const char* method : {"PUT", "PATCH", "DELETE"})
      EXPECT_FALSE(guard_allows(method, c.path, UpstreamKind::ollama)) << method << " " << c.path;
  }
  EXPECT_FALSE(guard_allows("GET", "/api/chat", UpstreamKind::ollama));
  EXPECT_FALSE(guard_allows("POST", "/api/tags", UpstreamKind::ollama));
}

TEST(Guard, NoSpellingOfAPathGetsRoundIt) {
  for (const Case& c : kRoutes) {
    const std::string path = c.path;
    if (path == "/" || path.rfind("/v1/models/", 0) == 0) continue;
    const std::string first = path.substr(1, path.find('/', 1) - 1);
    const std::string rest = path.substr(first.size() + 1);
    std::string capitals = path;
    capitals[1] = static_cast<char>(capitals[1] - ('a' - 'A'));
    for (const std::string& odd :
         {"/" + path, path + "/", path + "/.", path + ";a", path + "%20", path + "%2f", "/." + path,
          "/x/.." + path, "/" + first + "/" + rest, "/" + first + "/." + rest,
          "/" + first + "%2f" + rest.substr(rest.empty() ? 0 : 1), "/%" + std::to_string(61) + path.substr(2),
          path + "\\", capitals, path + "#"}) {
      if (odd == path) continue;
      EXPECT_FALSE(guard_allows(c.method, odd, UpstreamKind::ollama)) << c.method << " " << odd;
    }
  }
  for (const char* odd : {"/v1/models/", "/v1/models/..", "/v1/models/.", "/v1/models/../../api/pull",
                          "/v1/models/%2e%2e", "/v1/models/a%2fb", "/v1/models/a/b", "/v1/models/a%00"})
    EXPECT_FALSE(guard_allows("GET", odd, UpstreamKind::ollama)) << odd;
  EXPECT_TRUE(guard_allows("GET", "/v1/models/qwen2.5%3A7b", UpstreamKind::ollama));
}

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
