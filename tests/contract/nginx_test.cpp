// The suite can fail: nginx as one would put it before Ollama keeps some of the promises and breaks others.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/child_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/http.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

// A worker may be another user when the test runs as root.
void write_config(const std::filesystem::path& directory, const std::string& port,
                  const std::string& upstream) {
  std::ofstream(directory / "nginx.conf")
      << "worker_processes 1; daemon off; master_process off; pid " << (directory / "nginx.pid").string()
      << "; error_log " << (directory / "error.log").string() << ";\nevents { worker_connections 4096; }\n"
      << "http { access_log off;\n"
      << "  client_body_temp_path " << (directory / "body").string() << "; proxy_temp_path "
      << (directory / "proxy").string() << "; fastcgi_temp_path " << (directory / "fastcgi").string()
      << "; uwsgi_temp_path " << (directory / "uwsgi").string() << "; scgi_temp_path "
      << (directory / "scgi").string() << ";\n  server { listen 127.0.0.1:" << port
      << "; location / { proxy_pass http://127.0.0.1:" << upstream
      << "; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection \"\"; "
         "proxy_set_header Host $http_host; } } }\n";
}

std::set<std::string> failed_tests(const std::filesystem::path& report) {
  std::set<std::string> failed;
  const auto json = nlohmann::json::parse(std::ifstream(report), nullptr, false);
  for (const auto& suite : json.at("testsuites")) {
    for (const auto& test : suite.at("testsuite")) {
      if (test.contains("failures"))
        failed.insert(test.at("classname").get<std::string>() + "." + test.at("name").get<std::string>());
    }
  }
  return failed;
}

TEST(ContractSuite, NginxKeepsSomePromisesAndBreaksOthers) {
  const auto nginx = find_tool("nginx");
  if (!nginx) GTEST_SKIP() << "no nginx: ./dev deps unpacks one under build/tools";
  const std::set<std::string> broken{"Contract.R1_HeadsAndFramingAreThoseOfTheUpstream",
                                     "Contract.R6_AnUpstreamThatIsNotThereGives502AsOllamaWouldSayIt",
                                     "Contract.S1_NoneOfTheAmbiguousRequestsReachesTheUpstream",
                                     "Contract.S1_WhatFollowsAnAmbiguousRequestIsNotRead",
                                     "Contract.S4_ANameThatAnAttackerPointsHereIsForbidden",
                                     "R5.AHalfCloseBeforeTheFirstByteCancelsNothing",
                                     "R5.AHalfCloseMidStreamCancelsNothing",
                                     "R5.AResetBeforeTheFirstByteArrivesAsRst",
                                     "R5.AResetMidStreamArrivesAsRst"};
  std::string filter =
      "Contract.R1_TenThousandStreamsArriveAsTheyWereSent:Contract.R2_WhatCannotBeUnderstoodPassesAllTheSame:"
      "Contract.R6_AnUpstreamThatClosesSlowlyIsWaitedFor:R6.AStreamThatIsCutAtAnyByteStaysCut:"
      "Contract.S2_NoClientSeesWhatIsAnothers:Contract.S3_OnlyTheUpstreamIsEverConnected";
  for (const std::string& name : broken) filter += ":" + name;

  TempTree directory;
  const std::string port = free_port();
  const std::string upstream = free_port();
  write_config(directory.root(), port, upstream);
  ChildProcess proxy(
      {*nginx, "-p", directory.root().string(), "-c", (directory.root() / "nginx.conf").string()},
      directory.root());
  ASSERT_TRUE(wait_until(10s, [&] { return http_get("http://127.0.0.1:" + port + "/").status == 502; }))
      << proxy.errors();
  const auto report = directory.root() / "report.json";
  ChildProcess suite(
      {TEGRASCOPE_CONTRACT_TEST, "--gtest_filter=" + filter, "--gtest_output=json:" + report.string()},
      directory.root(),
      {"TEGRASCOPE_CONTRACT_PROXY=127.0.0.1:" + port, "TEGRASCOPE_CONTRACT_UPSTREAM=" + upstream});
  ASSERT_EQ(suite.wait_for(240s), 1) << suite.output() << suite.errors();
  EXPECT_EQ(failed_tests(report), broken);
}

}  // namespace
}  // namespace tegrascope::test
