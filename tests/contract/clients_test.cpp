// Real clients through the relay: the server sees the same, and so does the client, as without it.
#include <gtest/gtest.h>

#include <fstream>

#include "collectors/ollama/relay.hpp"
#include "tests/contract/recording_server.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

const std::string kModules = TEGRASCOPE_SOURCE_DIR "/build/tools/node/node_modules";

class RealClients : public testing::Test {
 protected:
  RealClients() {
    RelayOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.upstream_port = server_.port();
    options.server_name = "server";
    options.rules.hosts = make_host_policy({}, "127.0.0.1", "jetson");
    relay_ = std::make_unique<Relay>(std::move(options), ids_, [](RequestEvent&&) {});
    relay_->start();
    std::ofstream(directory_.root() / "big.json")
        << R"({"model":"m","input":")" << std::string(2000000, 'x') << "\"}";
  }

  struct Seen {
    std::vector<std::string> by_server;
    std::string by_client;
    int code = 0;
  };

  // "URL" in `arguments` becomes the address.
  Seen run(std::vector<std::string> arguments, std::uint16_t port) {
    const std::string url = "http://127.0.0.1:" + std::to_string(port);
    for (std::string& argument : arguments) {
      const std::size_t at = argument.find("URL");
      if (at != std::string::npos) argument.replace(at, 3, url);
    }
    ChildProcess client(arguments, directory_.root(),
                        {"TEGRASCOPE_NODE_MODULES=" + kModules, "NO_PROXY=127.0.0.1"});
    Seen seen;
    seen.code = client.wait_for(60s).value_or(-1);
    seen.by_client = client.output() + client.errors();
    for (std::size_t at = 0; (at = seen.by_client.find(std::to_string(port))) != std::string::npos;)
      seen.by_client.replace(at, std::to_string(port).size(), "PORT");
    const std::size_t aborted = seen.by_client.find("\nabort ") == std::string::npos ? 0 : 1;
    eventually([&] {  // that the server knows who left
      for (const std::string& event : server_.take_events()) seen.by_server.push_back(event);
      std::size_t left = 0;
      for (const std::string& event : seen.by_server) left += event == "the client left the stream" ? 1 : 0;
      return left >= aborted;
    });
    std::sort(seen.by_server.begin(), seen.by_server.end());
    return seen;
  }

  Seen same_both_ways(const std::vector<std::string>& arguments) {
    const Seen direct = run(arguments, server_.port());
    const Seen through = run(arguments, relay_->ports().front());
    EXPECT_EQ(through.by_server, direct.by_server);
    EXPECT_EQ(through.by_client, direct.by_client);
    EXPECT_EQ(through.code, direct.code);
    EXPECT_FALSE(direct.by_server.empty()) << direct.by_client;
    for (const std::uint64_t refused : relay_->counts().refused) EXPECT_EQ(refused, 0U);
    return through;
  }

  TempTree directory_;
  RecordingServer server_;
  RequestIds ids_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RealClients, Curl) {
  const auto curl = find_tool("curl");
  if (!curl) GTEST_SKIP() << "no curl";
  const std::string big = "@" + (directory_.root() / "big.json").string();
  const std::string chat = R"({"model":"m","messages":[]})";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"URL/api/tags"},
           {"URL/"},
           {"-I", "URL/"},
           {"-0", "URL/api/version"},
           {"-0", "-d", chat, "URL/api/chat"},
           {"URL/api/version", "URL/api/tags", "URL/api/ps"},
           {"-N", "-d", chat, "URL/api/chat"},
           {"-d", R"({"model":"m","stream":false})", "URL/api/generate"},
           {"-H", "Expect: 100-continue", "-d", chat, "URL/api/chat"},
           {"-H", "Content-Type: application/json", "--data-binary", big, "URL/api/embed"},
           {"-H", "Transfer-Encoding: chunked", "--data-binary", big, "URL/api/embed"},
           {"-H", "Transfer-Encoding: chunked", "-T", big.substr(1), "URL/api/nowhere"},
           {"-X", "DELETE", "-d", R"({"model":"m"})", "URL/api/delete"},
           {"-X", "OPTIONS", "-H", "Origin: http://localhost:3000", "URL/api/chat"},
           {"--http2", "URL/api/tags"},
           {"--compressed", "URL/v1/models"},
           {"-H", "Connection: close", "URL/api/tags"},
           {"-d", R"({"model":"missing"})", "URL/api/chat"},
           {"-d", R"({"model":"cut"})", "URL/api/chat"},
       }) {
    std::vector<std::string> all{*curl, "-s", "-S", "--max-time", "30"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Seen seen = same_both_ways(all);
    if (HasFailure()) FAIL() << "curl " << arguments.front() << " ... " << arguments.back();
    EXPECT_NE(seen.code, -1);
  }
}

TEST_F(RealClients, NpmOllama) {
  const auto node = find_tool("node");
  if (!node || !std::filesystem::exists(kModules + "/ollama"))
    GTEST_SKIP() << "no node with the package ollama: install nodejs and npm, then ./dev deps";
  const Seen seen =
      same_both_ways({*node, TEGRASCOPE_SOURCE_DIR "/tests/contract/clients/ollama.cjs", "URL"});
  EXPECT_EQ(seen.code, 0) << seen.by_client;
  EXPECT_NE(seen.by_client.find("chat stream \"one two three four five\""), std::string::npos)
      << seen.by_client;
  EXPECT_NE(seen.by_client.find("abort {\"failed\":\"AbortError\""), std::string::npos) << seen.by_client;
}

TEST_F(RealClients, NpmOpenai) {
  const auto node = find_tool("node");
  if (!node || !std::filesystem::exists(kModules + "/openai"))
    GTEST_SKIP() << "no node with the package openai: install nodejs and npm, then ./dev deps";
  const Seen seen =
      same_both_ways({*node, TEGRASCOPE_SOURCE_DIR "/tests/contract/clients/openai.cjs", "URL"});
  EXPECT_EQ(seen.code, 0) << seen.by_client;
  EXPECT_NE(seen.by_client.find("chat stream \"one two three four five\""), std::string::npos)
      << seen.by_client;
  EXPECT_NE(seen.by_client.find("missing {\"failed\":\"NotFoundError\",\"status\":404"), std::string::npos)
      << seen.by_client;
}

}  // namespace
}  // namespace tegrascope::test
