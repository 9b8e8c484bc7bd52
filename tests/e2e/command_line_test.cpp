#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/agent_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
};

Result tegrascope_with(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& environment = {}) {
  TempTree directory;
  std::vector<std::string> all{TEGRASCOPE_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ChildProcess process(all, directory.root(), environment);
  Result result;
  result.code = process.wait_for(20s).value_or(-1);
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

void expect_wrong_usage(const Result& result, const std::string& says) {
  EXPECT_EQ(result.code, 2) << result.errors;
  EXPECT_EQ(lines(result.errors), 1u) << result.errors;
  EXPECT_NE(result.errors.find(says), std::string::npos) << result.errors;
}

TEST(CommandLine, AWrongFlagNamesTheNearestRightOne) {
  expect_wrong_usage(tegrascope_with({"run", "--web.listen-adress=127.0.0.1:0"}), "--web.listen-address");
  expect_wrong_usage(tegrascope_with({"run", "--colector.cpu"}), "--collector.cpu");
  expect_wrong_usage(tegrascope_with({"run", "--web.listen-addres", "127.0.0.1:0"}), "--web.listen-address");
  expect_wrong_usage(tegrascope_with({"demo", "--second", "5"}), "--seconds");
}

TEST(CommandLine, AWrongValueIsTold) {
  expect_wrong_usage(tegrascope_with({"run", "--sample.interval=fast"}), "'fast' is not a duration");
  expect_wrong_usage(tegrascope_with({"run", "--log.level=loud"}), "loud");
  expect_wrong_usage(tegrascope_with({"run", "--ollama.url=ftp://x"}), "ftp://x");
  expect_wrong_usage(tegrascope_with({"run", "--observe=relay"}), "--relay.listen-address");
  expect_wrong_usage(tegrascope_with({"run", "--no-collector.gpu=maybe"}), "--collector.gpu=false");
  expect_wrong_usage(tegrascope_with({"run", "--sample.idle-interval=0s"}), "--sample.idle-interval");
  expect_wrong_usage(tegrascope_with({"check-config", "--web.listen-address=foo"}), "--web.listen-address");
  expect_wrong_usage(tegrascope_with({"check-config", "--relay.allowed-hosts=http://a"}),
                     "--relay.allowed-hosts");
  expect_wrong_usage(tegrascope_with({"check-config", "--relay.max-connections=0"}),
                     "--relay.max-connections");
  expect_wrong_usage(tegrascope_with({"check-config", "--relay.head-timeout=1ms"}), "--relay.head-timeout");
  expect_wrong_usage(tegrascope_with({"check-config", "--upstream.kind=openai"}), "--ollama.url");
  expect_wrong_usage(tegrascope_with({"check-config", "--upstream.kind=vllm"}), "openai");
}

TEST(CommandLine, WhatCannotBeNegativeIsRefused) {
  for (const char* flag : {"--recording.max-bytes", "--sample.seed", "--relay.max-connections"}) {
    expect_wrong_usage(tegrascope_with({"check-config", std::string(flag) + "=-5"}), "'-5' is negative");
    expect_wrong_usage(tegrascope_with({"run", flag, "-5"}), flag);
  }
  expect_wrong_usage(tegrascope_with({"simulate", "--scenario=s", "--seed=-1"}), "--seed");
  expect_wrong_usage(tegrascope_with({"demo", "--seed=-1"}), "--seed");
}

TEST(CommandLine, AWrongAddressIsWrongUsageBeforeAndAtTheStart) {
  for (const char* wrong : {"--web.listen-address=jetson.local:11480", "--web.listen-address=1.2.3:5",
                            "--relay.listen-address=300.1.1.1:5"}) {
    const std::string flag = std::string(wrong).substr(0, std::string(wrong).find('='));
    expect_wrong_usage(tegrascope_with({"check-config", wrong}), flag);
    expect_wrong_usage(tegrascope_with({"run", "--storage.path=none", wrong}), flag);
  }
}

TEST(CommandLine, AnUnknownCommandNamesTheNearest) {
  expect_wrong_usage(tegrascope_with({"rum"}), "run");
  EXPECT_EQ(tegrascope_with({}).code, 2);
}

TEST(CommandLine, HelpAndVersionGoToStandardOutput) {
  const Result help = tegrascope_with({"run", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* flag : {"--web.listen-address", "--path.rootfs", "--collector.gpu",
                           "--relay.listen-address", "--ollama.url", "--sample.interval", "--config.file"}) {
    EXPECT_NE(help.output.find(flag), std::string::npos) << flag;
  }
  for (const char* command : {"run", "read", "check-config"}) {
    const Result asked = tegrascope_with({"help", command});
    EXPECT_EQ(asked.code, 0) << asked.errors;
    EXPECT_EQ(asked.output, tegrascope_with({command, "--help"}).output);
  }
  expect_wrong_usage(tegrascope_with({"help", "rum"}), "did you mean run?");
  EXPECT_EQ(tegrascope_with({"help"}).output, tegrascope_with({"--help"}).output);
  EXPECT_EQ(tegrascope_with({"--version"}).output.rfind("tegrascope, version ", 0), 0u);
}

TEST(CommandLine, TheFileTakesSectionsAndDottedKeys) {
  TempTree files;
  files.write("good.toml",
              "log.level = \"warn\"\n[web]\nlisten-address = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n");
  EXPECT_EQ(tegrascope_with({"check-config", "--config.file=" + (files.root() / "good.toml").string()}).code,
            0);
}

TEST(CommandLine, TheFileIsToml) {
  TempTree files;
  const std::string file = "--config.file=" + (files.root() / "c.toml").string();
  for (const char* good :
       {"[web] # the endpoint\nlisten-address = [\n  \"127.0.0.1:0\", # one\n  '[::1]:0',\n]\n",
        "\xEF\xBB\xBFlog.level = \"warn\"\n", "[collector]\ngpu = false\n", "",
        "web = { listen-address = \"127.0.0.1:0\" }\n", "relay.max-connections = 1_000\n",
        "\"log\".\"level\" = 'warn'\r\n"}) {
    files.write("c.toml", good);
    const Result result = tegrascope_with({"check-config", file});
    EXPECT_EQ(result.code, 0) << good << result.errors;
  }
  for (const char* bad :
       {"log.level = \"warn\nlog.format = \"json\"\n", "web.listen-address = [\"127.0.0.1:0\"",
        "log.level =\n", "[log\nlevel = \"warn\"\n", "log.level = warn\n", "web.listen-address = []\n",
        "log.level = 2020-01-01\n", "log = [{level = \"warn\"}]\n"}) {
    files.write("c.toml", std::string("# first\n") + bad);
    expect_wrong_usage(tegrascope_with({"check-config", file}), "configuration file, line ");
  }
  files.write("c.toml", "# first\n\nlog.level = \"warn\n");
  expect_wrong_usage(tegrascope_with({"check-config", file}), "line 3: ");
  files.write("c.toml", "web.listen-address = [\n\"[::1]:0\",\n\"nonsense\" ]\n");
  expect_wrong_usage(tegrascope_with({"check-config", file}), "'nonsense'");
  expect_wrong_usage(tegrascope_with({"check-config", "--config.file=" + files.root().string()}),
                     files.root().string());
}

TEST(CommandLine, AWrongKeyNamesTheNearestRightOne) {
  TempTree files;
  files.write("bad.toml", "[web]\nlisten-adress = \"127.0.0.1:0\"\n");
  expect_wrong_usage(
      tegrascope_with({"check-config", "--config.file=" + (files.root() / "bad.toml").string()}),
      "web.listen-address");
  files.write("value.toml", "[sample]\ninterval = \"soon\"\n");
  expect_wrong_usage(
      tegrascope_with({"check-config", "--config.file=" + (files.root() / "value.toml").string()}), "soon");
  expect_wrong_usage(tegrascope_with({"check-config", "--config.file=/nonexistent/tegrascope.toml"}),
                     "/nonexistent/tegrascope.toml");
}

TEST(CommandLine, FlagBeatsEnvironmentBeatsFile) {
  TempTree files;
  files.write("c.toml", "log.level = \"nonsense\"\n");
  const std::string file = "--config.file=" + (files.root() / "c.toml").string();
  EXPECT_EQ(tegrascope_with({"check-config", file}).code, 2);
  EXPECT_EQ(tegrascope_with({"check-config", file}, {"TEGRASCOPE_LOG_LEVEL=warn"}).code, 0);
  EXPECT_EQ(tegrascope_with({"check-config"}, {"TEGRASCOPE_LOG_LEVEL=nonsense"}).code, 2);
  EXPECT_EQ(tegrascope_with({"check-config", "--log.level=warn"}, {"TEGRASCOPE_LOG_LEVEL=nonsense"}).code, 0);
}

TEST(CommandLine, TheFilesNameMayComeFromTheEnvironment) {
  TempTree files;
  files.write("c.toml", "log.level = \"nonsense\"\n");
  expect_wrong_usage(
      tegrascope_with({"check-config"}, {"TEGRASCOPE_CONFIG_FILE=" + (files.root() / "c.toml").string()}),
      "nonsense");
  expect_wrong_usage(tegrascope_with({"check-config"}, {"TEGRASCOPE_CONFIG_FILE=/nonexistent/c.toml"}),
                     "/nonexistent/c.toml");
}

TEST(CommandLine, ARelayToItselfIsRefused) {
  const std::string port = free_port();
  TempTree directory;
  ChildProcess agent({TEGRASCOPE_PROGRAM, "run", "--web.listen-address=127.0.0.1:0",
                      "--ollama.url=http://127.0.0.1:" + port, "--relay.listen-address=127.0.0.1:" + port},
                     directory.root());
  EXPECT_EQ(agent.wait_for(10s), 2);
  EXPECT_NE(agent.errors().find("to itself"), std::string::npos) << agent.errors();
}

TEST(CommandLine, AnAddressInUseIsNamed) {
  TempTree directory;
  AgentProcess first("run", {}, directory.root());
  const Result second = tegrascope_with({"run", "--web.listen-address=" + first.web_address()});
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.errors.find(first.web_address()), std::string::npos) << second.errors;
}

TEST(CommandLine, ReloadKeepsTheOldConfigurationWhenTheNewOneIsWrong) {
  TempTree directory;
  directory.write("c.toml", "log.level = \"info\"\n");
  AgentProcess agent("run", {"--config.file=" + (directory.root() / "c.toml").string()}, directory.root());
  directory.write("c.toml", "log.levle = \"debug\"\n");
  agent.process().signal(SIGHUP);
  EXPECT_TRUE(
      wait_until(5s, [&] { return agent.process().errors().find("log.levle") != std::string::npos; }));
  EXPECT_EQ(http_get(agent.url() + "/-/healthy").status, 200);
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(10s), 0);
}

}  // namespace
}  // namespace tegrascope::test
