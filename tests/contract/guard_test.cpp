// S7: guard mode, over the wire.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/contract/contract_fixture.hpp"

namespace tegrascope::test {
namespace {

struct RouteCase {
  const char* method;
  const char* path;
  bool passes;
};

// Every route of GenerateRoutes in server/routes.go of ollama 0.33, and some that are none.
constexpr RouteCase kRouteCases[] = {
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
    {"OPTIONS", "/api/chat", true},
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
    {"OPTIONS", "/api/pull", false},
    {"GET", "/api/chat", false},
    {"DELETE", "/api/chat", false},
    {"POST", "/api/tags", false},
    {"GET", "/debug/pprof/", false},
    {"GET", "/nowhere", false},
};

// The same path in spellings that some server reads as the same.
std::vector<std::string> odd_spellings(const std::string& path) {
  std::string capital = path;
  if (capital.size() > 1) capital[1] = static_cast<char>(capital[1] - ('a' - 'A'));
  return {"/" + path,
          "/." + path,
          "/x/.." + path,
          path + "/",
          path + "//",
          path + "/.",
          path + ";a",
          path + "%20",
          path + "%2f",
          capital,
          path + "\\",
          "/%2e" + path,
          "/%61" + path.substr(std::min<std::size_t>(2, path.size()))};
}

class S7 : public Contract {
 protected:
  void SetUp() override {
    if (is_foreign()) GTEST_SKIP() << "configures the relay";
    RelayOptions options;
    options.rules.guard = true;
    start(std::move(options));
  }

  // The status the client gets; 200 from the upstream.
  int status_of(const std::string& method, const std::string& target) {
    TcpPeer asking = client();
    asking.send(request(method, target, method == "POST" || method == "DELETE" ? "{}" : ""));
    EXPECT_TRUE(eventually([&] { return upstream_.has_connection_now() || asking.has_bytes_now(); }))
        << target;
    if (!upstream_.has_connection_now()) return read_answer(asking, method == "HEAD").status;
    TcpPeer answering = upstream_.accept();
    read_request(answering);
    answering.send(method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                                    : json_answer(200, "{}"));
    return read_answer(asking, method == "HEAD").status;
  }
};

TEST_F(S7, GuardModeLetsInferenceAndReadingPassAndNothingElse) {
  for (const RouteCase& c : kRouteCases) {
    const int expected = c.passes ? 200 : 403;
    EXPECT_EQ(status_of(c.method, c.path), expected) << c.method << " " << c.path;
    EXPECT_EQ(status_of(c.method, std::string(c.path) + "?a=/api/chat"), expected)
        << c.method << " " << c.path;
  }
}

TEST_F(S7, NoSpellingOfAPathGetsRoundGuardMode) {
  for (const RouteCase& c : kRouteCases) {
    for (const std::string& target : odd_spellings(c.path)) {
      if (target == c.path) continue;
      EXPECT_EQ(status_of(c.method, target), 403) << c.method << " " << target;
    }
  }
}

}  // namespace
}  // namespace tegrascope::test
