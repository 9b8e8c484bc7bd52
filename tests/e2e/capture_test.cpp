// Requests read from real packets: real curl, a streaming server, the real program.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string body(int tokens, int delay_ms = 1) {
  return R"({"model":"tiny","messages":[{"role":"user","content":"CANARY-7391"}],"options":{"num_predict":)" +
         std::to_string(tokens) + R"(,"num_delay_ms":)" + std::to_string(delay_ms) + "}}";
}

// As a shell would find it.
Words found(Words command) {
  if (command.front().front() != '/') command.insert(command.begin(), "/usr/bin/env");
  return command;
}

// A program in PATH that a test needs.
bool have(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class Capture : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "capturing packets here needs root";
    if (!have("curl")) GTEST_SKIP() << "curl is not installed";
    ::chmod(directory_.root().c_str(), 0777);
  }

  // Output and port files of one program.
  std::filesystem::path folder(const std::string& name) {
    const auto path = directory_.path(name);
    std::filesystem::create_directories(path);
    ::chmod(path.c_str(), 0777);
    return path;
  }

  static std::string port_in(const std::filesystem::path& file, ChildProcess& process) {
    EXPECT_TRUE(wait_until(20s, [&] { return !read_file(file).empty() || !process.running(); }));
    const std::string text = read_file(file);
    EXPECT_NE(text, "") << process.errors();
    return text.substr(0, text.find('\n'));
  }

  void start_server(const Words& prefix = {}, const std::string& address = "127.0.0.1",
                    const std::string& port = "0") {
    const auto file = folder("server") / "port";
    server_ = std::make_unique<ChildProcess>(
        found(prefix + Words{TEGRASCOPE_STREAM_SERVER, address, port, file}), folder("server"));
    url_ = "http://" + address + ":" + port_in(file, *server_);
  }

  // Waits until it captures, or says that it cannot.
  void start_agent(const Words& flags, const Words& prefix = {}) {
    const auto file = folder("agent") / "web.port";
    agent_ = std::make_unique<ChildProcess>(
        found(prefix +
              Words{TEGRASCOPE_PROGRAM, "run", "--web.listen-address=127.0.0.1:0",
                    "--web.port-file=" + file.string(), "--ollama.url=" + url_} +
              flags),
        folder("agent"));
    agent_url_ = "http://127.0.0.1:" + port_in(file, *agent_);
  }
  void wait_for_capture(double up) {
    ASSERT_TRUE(wait_until(20s, [&] { return scrape().sum("tegrascope_capture_up") == up; }))
        << agent_->errors() << agent_->output();
  }

  Exposition scrape() {
    int code = 0;
    return Exposition(output_of(
        namespace_of_agent() + Words{"curl", "-sS", "--max-time", "5", agent_url_ + "/metrics"}, code));
  }
  virtual Words namespace_of_agent() const { return {}; }

  std::string output_of(const Words& command, int& code) {
    ChildProcess process(found(command), folder("run" + std::to_string(runs_++)));
    code = process.wait_for(30s).value_or(-1);
    return process.output();
  }
  // `times` requests one after the other on one connection.
  void ask(int times, int tokens, const Words& prefix = {}, const std::string& url = "") {
    Words command = prefix + Words{"curl", "-sS", "--max-time", "20", "--data", body(tokens)};
    for (int i = 0; i < times; ++i) command.push_back((url.empty() ? url_ : url) + "/api/chat");
    int code = 0;
    const std::string answer = output_of(command, code);
    EXPECT_EQ(code, 0) << answer;
  }

  double counted(const std::string& name, const std::map<std::string, std::string>& labels = {}) {
    return scrape().sum(name, labels).value_or(0);
  }
  double requests() { return counted("tegrascope_requests_total", {{"code", "200"}}); }
  double tokens() { return counted("tegrascope_tokens_total", {{"type", "output"}}); }
  void expect_requests(int requests_expected, int tokens_expected) {
    EXPECT_TRUE(wait_until(20s, [&] { return requests() >= requests_expected; })) << requests();
    // A request more would be there by now: a block of packets is never later than 100 ms.
    const double packets = counted("tegrascope_capture_packets_total");
    wait_until(2s, [&] { return counted("tegrascope_capture_packets_total") > packets; });
    EXPECT_EQ(requests(), requests_expected);
    EXPECT_EQ(tokens(), tokens_expected);
  }
  void expect_clean_end() {
    agent_->signal(SIGTERM);
    EXPECT_EQ(agent_->wait_for(20s), 0) << agent_->errors();
    EXPECT_EQ((agent_->errors() + agent_->output()).find("CANARY"), std::string::npos);
  }

  TempTree directory_;
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<ChildProcess> agent_;
  std::string url_;
  std::string agent_url_;
  int runs_ = 0;
};

TEST_F(Capture, RequestsOfCurlAreCountedExactly) {
  start_server();
  start_agent({"--observe=capture", "--log.level=debug"});
  wait_for_capture(1);
  for (int i = 0; i < 4; ++i) ask(3, 20);
  expect_requests(12, 240);
  const Exposition page = scrape();
  EXPECT_EQ(page.sum("tegrascope_tokens_total", {{"type", "input"}}), 12 * 11.0);
  EXPECT_EQ(page.sum("tegrascope_inter_token_latency_seconds_count"), 12 * 19.0);
  EXPECT_EQ(page.sum("tegrascope_observation_errors_total"), 0.0);
  EXPECT_EQ(page.sum("tegrascope_capture_gaps_total"), 0.0);
  EXPECT_EQ(page.sum("tegrascope_capture_dropped_packets_total"), 0.0);
  EXPECT_LE(page.sum("tegrascope_capture_joined_connections_total"), 1.0) << "the agent's own polls";
  expect_clean_end();
}

TEST_F(Capture, NeverWithoutBeingAskedFor) {
  start_server();
  start_agent({"--observe=auto"});
  ask(1, 5);
  ASSERT_TRUE(wait_until(10s, [&] { return scrape().has("tegrascope_ollama_up"); }));
  EXPECT_FALSE(scrape().has("tegrascope_capture_up"));
  EXPECT_EQ(requests(), 0);
}

TEST_F(Capture, AUserWithNothingButTheRightToCapture) {
  if (!have("setpriv")) GTEST_SKIP() << "setpriv is not installed";
  start_server();
  start_agent({"--observe=capture"}, {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                      "--inh-caps", "-all,+net_raw", "--ambient-caps", "-all,+net_raw",
                                      "--bounding-set", "-all,+net_raw", "--no-new-privs"});
  const std::string status = read_file("/proc/" + std::to_string(agent_->pid()) + "/status");
  EXPECT_NE(status.find("CapEff:\t0000000000002000"), std::string::npos) << status;
  EXPECT_NE(status.find("Uid:\t65534\t65534"), std::string::npos);
  wait_for_capture(1);
  ask(3, 10);
  expect_requests(3, 30);
  expect_clean_end();
}

TEST_F(Capture, WithoutPermissionItIsOffAndSaysHowToGrantIt) {
  if (!have("setpriv")) GTEST_SKIP() << "setpriv is not installed";
  start_server();
  start_agent({"--observe=capture"}, {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                      "--inh-caps", "-all", "--bounding-set", "-all", "--no-new-privs"});
  wait_for_capture(0);
  const std::string log = agent_->errors() + agent_->output();
  EXPECT_NE(log.find("AmbientCapabilities=CAP_NET_RAW"), std::string::npos) << log;
  EXPECT_NE(log.find("setcap cap_net_raw=ep"), std::string::npos) << log;
  ask(1, 5);
  EXPECT_TRUE(wait_until(10s, [&] { return counted("tegrascope_ollama_up") == 1; })) << "the agent goes on";
  expect_clean_end();
}

TEST_F(Capture, WhatComesThroughTheRelayCountsOnce) {
  start_server();
  const auto relay_port = folder("agent") / "relay.port";
  start_agent({"--observe=relay,capture", "--relay.listen-address=127.0.0.1:0",
               "--relay.port-file=" + relay_port.string()});
  wait_for_capture(1);
  const std::string relay = "http://127.0.0.1:" + port_in(relay_port, *agent_);
  for (int i = 0; i < 5; ++i) {
    ask(2, 10, {}, relay);
    ask(1, 10);
  }
  expect_requests(15, 150);
}

TEST_F(Capture, AConnectionThatRanBeforeIsCountedFromItsNextRequestOn) {
  start_server();
  const Words both{
      "curl",   "-sS", "--max-time", "30",    "--data",          body(3000, 1), url_ + "/api/chat",
      "--next", "-sS", "--data",     body(7), url_ + "/api/chat"};
  ChildProcess client(found(both), folder("client"));
  ASSERT_TRUE(wait_until(10s, [&] { return client.output().size() > 1000; })) << client.errors();
  start_agent({"--observe=capture"});
  wait_for_capture(1);
  EXPECT_TRUE(client.running()) << "the first stream was over too early";
  EXPECT_EQ(client.wait_for(30s), 0) << client.errors();
  expect_requests(1, 7);
  EXPECT_GE(counted("tegrascope_capture_joined_connections_total"), 1);
  EXPECT_EQ(counted("tegrascope_observation_errors_total"), 0);
}

// A host with a bridge, a container that serves, one that asks, and a client on another network.
class CaptureAcrossNamespaces : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    if (!have("ip")) GTEST_SKIP() << "ip (iproute2) is not installed";
    const std::string n = names_;
    const Words commands{
        "ip netns add " + n + "h",
        "ip -n " + n + "h link set lo up",
        "ip -n " + n + "h link add br0 type bridge",
        "ip -n " + n + "h addr add 10.77.0.1/24 dev br0",
        "ip -n " + n + "h link set br0 up",
        "ip netns exec " + n + "h sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'",
    };
    for (const std::string& command : commands) {
      if (std::system((command + " 2>/dev/null").c_str()) != 0) {
        GTEST_SKIP() << "network namespaces may not be made here: " << command;
      }
    }
  }
  void TearDown() override {
    agent_.reset();
    server_.reset();
    for (const char* which : {"h", "s", "c", "l", "d"}) {
      [[maybe_unused]] const int ignored =
          std::system(("ip netns del " + names_ + which + " 2>/dev/null").c_str());
    }
  }
  Words namespace_of_agent() const override { return in("h"); }
  Words in(const std::string& which) const { return {"ip", "netns", "exec", names_ + which}; }

  void shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  // A namespace on the bridge, or on a network of its own beside the host.
  void add(const std::string& which, const std::string& address, const std::string& gateway, bool on_bridge) {
    const std::string n = names_ + which;
    const std::string host = names_ + "h";
    shell("ip netns add " + n);
    shell("ip -n " + n + " link set lo up");
    shell("ip -n " + host + " link add veth" + which + " type veth peer name eth0 netns " + n);
    if (on_bridge) {
      shell("ip -n " + host + " link set veth" + which + " master br0");
    } else {
      shell("ip -n " + host + " addr add " + gateway + "/24 dev veth" + which);
    }
    shell("ip -n " + host + " link set veth" + which + " up");
    shell("ip -n " + n + " addr add " + address + "/24 dev eth0");
    shell("ip -n " + n + " link set eth0 up");
    shell("ip -n " + n + " route add default via " + gateway);
  }

  const std::string names_ = "tsc" + std::to_string(getpid());
};

TEST_F(CaptureAcrossNamespaces, HostLanAndContainerClientsAreSeenOnce) {
  ASSERT_NO_FATAL_FAILURE(add("s", "10.77.0.2", "10.77.0.1", true));
  ASSERT_NO_FATAL_FAILURE(add("c", "10.77.0.3", "10.77.0.1", true));
  ASSERT_NO_FATAL_FAILURE(add("l", "10.78.0.2", "10.78.0.1", false));
  start_server(in("s"), "10.77.0.2", "11434");
  start_agent({"--observe=capture"}, in("h"));
  wait_for_capture(1);
  ask(3, 10, in("h"));
  ask(4, 10, in("c"));
  ask(5, 10, in("l"));
  expect_requests(12, 120);
  ASSERT_NO_FATAL_FAILURE(add("d", "10.77.0.4", "10.77.0.1", true));
  ask(2, 10, in("d"));
  expect_requests(14, 140);
  shell("ip netns del " + names_ + "d");
  ask(1, 10, in("c"));
  expect_requests(15, 150);
  EXPECT_EQ(counted("tegrascope_capture_gaps_total"), 0);
  expect_clean_end();
}

}  // namespace
}  // namespace tegrascope::test
