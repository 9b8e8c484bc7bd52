// R7, R11, R15, S5 and S12: promises of the whole program.
#include <dirent.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "agent/app/config.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/held_sockets.hpp"
#include "tests/support/idle_simulation.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/fake_http_server.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class AgentContract : public IdleSimulation {};

// Asks over and over, each time on a connection of its own.
class Callers {
 public:
  explicit Callers(std::uint16_t port, int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this, port] { call(port); });
  }
  ~Callers() { stop(); }
  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int refused() const { return refused_; }
  int unanswered() const { return unanswered_; }
  int answered() const { return answered_; }
  double connect_p99_ms() {
    const std::lock_guard lock(mutex_);
    std::sort(connect_ms_.begin(), connect_ms_.end());
    return connect_ms_.empty() ? 0 : connect_ms_[connect_ms_.size() * 99 / 100];
  }

 private:
  void call(std::uint16_t port) {
    while (!stop_) {
      try {
        const auto begun = Clock::now();
        TcpPeer peer = TcpPeer::connect(port);
        {
          const std::lock_guard lock(mutex_);
          connect_ms_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
        }
        try {
          peer.send("GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n");
          peer.read_until("\r\n").substr(9, 3) == "200" ? ++answered_ : ++unanswered_;
        } catch (const std::runtime_error&) {
          ++unanswered_;
        }
      } catch (const std::runtime_error&) {
        ++refused_;
      }
      pause_a_millisecond();
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> refused_{0};
  std::atomic<int> unanswered_{0};
  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::vector<double> connect_ms_;
  std::vector<std::thread> threads_;
};

TEST_F(AgentContract, R7_AKilledAgentRefusesNobodyWhileSystemdHoldsTheSocket) {
  HeldSockets held;
  Callers callers(held.relay_port(), 3);
  for (int round = 0; round < 100; ++round) {
    const auto agent = held.start_agent(flags(), directory_.root());
    const int before = callers.answered();
    ASSERT_TRUE(wait_until(20s, [&] { return callers.answered() > before + 3; })) << agent->errors();
    agent->signal(SIGKILL);
    ASSERT_EQ(agent->wait_for(5s), 128 + SIGKILL);
  }
  const auto last = held.start_agent(flags(), directory_.root());
  const int before = callers.answered();
  EXPECT_TRUE(wait_until(20s, [&] { return callers.answered() > before + 3; }));
  callers.stop();
  std::printf("R7: %d answered, %d cut by the kill, %d refused, connect p99 %.2f ms\n", callers.answered(),
              callers.unanswered(), callers.refused(), callers.connect_p99_ms());
  EXPECT_EQ(callers.refused(), 0);
  EXPECT_LE(callers.connect_p99_ms(), 200);
}

TEST_F(AgentContract, R15_ARestartRefusesNobodyAndFailsNobodyWhileSystemdHoldsTheSockets) {
  HeldSockets held;
  auto agent = held.start_agent(flags(), directory_.root());
  Callers callers(held.relay_port(), 3);
  for (int round = 0; round < 5; ++round) {
    const int before = callers.answered();
    ASSERT_TRUE(wait_until(20s, [&] { return callers.answered() > before + 3; })) << agent->errors();
    EXPECT_EQ(http_get(held.web_url() + "/-/healthy").status, 200);
    agent->signal(SIGTERM);
    ASSERT_EQ(agent->wait_for(20s), 0) << agent->errors();
    agent = held.start_agent(flags(), directory_.root());
  }
  const int before = callers.answered();
  EXPECT_TRUE(wait_until(20s, [&] { return callers.answered() > before + 3; })) << agent->errors();
  callers.stop();
  EXPECT_EQ(callers.refused(), 0);
  EXPECT_EQ(callers.unanswered(), 0);
}

TEST_F(AgentContract, R15_AStreamOutlivesTheRestartThatANewClientIsServedBehind) {
  HeldSockets held;
  auto agent = held.start_agent(flags(), directory_.root());
  std::atomic<bool> first{false};
  TestAnswer old_answer;
  std::thread old_client([&] {
    old_answer = http_post(held.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
      first = true;
      return true;
    });
  });
  ASSERT_TRUE(wait_until(20s, [&] { return first.load(); }));
  agent->signal(SIGTERM);
  TestAnswer new_answer;
  std::thread new_client([&] { new_answer = http_get(held.relay_url() + "/api/version", 30s); });
  EXPECT_EQ(agent->wait_for(20s), 0) << agent->errors();
  agent = held.start_agent(flags(), directory_.root());
  old_client.join();
  new_client.join();
  EXPECT_EQ(old_answer.error, "");
  EXPECT_NE(old_answer.body.find("\"done\":true"), std::string::npos);
  EXPECT_EQ(new_answer.status, 200) << new_answer.error;
}

TEST_F(AgentContract, R15_AReloadCutsNothing) {
  AgentProcess agent("run", flags({"--relay.listen-address=127.0.0.1:0"}), directory_.root());
  std::atomic<bool> first{false};
  TestAnswer answer;
  std::thread client([&] {
    answer = http_post(agent.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
      first = true;
      return true;
    });
  });
  ASSERT_TRUE(wait_until(20s, [&] { return first.load(); }));
  for (int i = 0; i < 5; ++i) {
    agent.process().signal(SIGHUP);
    EXPECT_EQ(http_get(agent.relay_url() + "/api/version").status, 200);
  }
  client.join();
  EXPECT_EQ(answer.error, "");
  EXPECT_NE(answer.body.find("\"done\":true"), std::string::npos);
}

TEST_F(AgentContract, ASocketOfAnotherNameIsToldPlainly) {
  HeldSockets held;
  const auto agent = held.start_agent(flags(), directory_.root(), "relay:tegrascope.socket");
  EXPECT_EQ(agent->wait_for(10s), 2);
  EXPECT_NE(agent->errors().find("'tegrascope.socket': set FileDescriptorName="), std::string::npos)
      << agent->errors();
}

// Steps the wall clock of the agent it started.
class SteppedClock {
 public:
  explicit SteppedClock(std::filesystem::path file) : file_(std::move(file)) {
    set(0h);
    ::setenv("TEGRASCOPE_TEST_CLOCK", file_.c_str(), 1);
  }
  ~SteppedClock() { ::unsetenv("TEGRASCOPE_TEST_CLOCK"); }
  void set(std::chrono::seconds offset) {
    const std::int64_t value = offset.count();
    std::fstream out(file_, std::filesystem::exists(file_) ? std::ios::in | std::ios::out | std::ios::binary
                                                           : std::ios::out | std::ios::binary);
    out.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

 private:
  const std::filesystem::path file_;
};

TEST_F(AgentContract, R11_StepsOfTheWallClockAreHarmless) {
  SteppedClock clock(directory_.root() / "clock");
  AgentProcess agent("run", flags({"--relay.listen-address=127.0.0.1:0"}), directory_.root(),
                     TEGRASCOPE_PROGRAM_WITH_STEPPING_CLOCK);
  const auto value = [&](const char* name) { return agent.scrape().sum(name).value_or(-1); };
  ASSERT_TRUE(wait_until(20s, [&] { return value("tegrascope_board_energy_joules_total") > 0; }));
  std::atomic<int> streams{0};
  std::thread client([&] {
    for (int i = 0; i < 3; ++i) {
      const TestAnswer answer = http_post(agent.relay_url() + "/api/chat", kThreeSeconds);
      if (answer.error.empty() && answer.body.find("\"done\":true") != std::string::npos) ++streams;
    }
  });
  for (const auto offset : {1h, -1h, 0h}) {
    clock.set(offset);
    const double energy_before = value("tegrascope_board_energy_joules_total");
    const double cpu_before = value("process_cpu_seconds_total");
    const auto begun = Clock::now();
    ASSERT_TRUE(wait_until(20s, [&] { return Clock::now() - begun > 3s; }));
    const double energy = value("tegrascope_board_energy_joules_total") - energy_before;
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    // An idle Orin Nano draws a few watts, a busy one below thirty.
    EXPECT_GT(energy / seconds, 1);
    EXPECT_LT(energy / seconds, 40);
    EXPECT_LT(value("process_cpu_seconds_total") - cpu_before, 0.5 * seconds) << "it spins";
  }
  client.join();
  EXPECT_EQ(streams, 3);
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_request_duration_seconds_count") == 3; }));
  EXPECT_GT(value("tegrascope_request_duration_seconds_sum"), 1);
  EXPECT_LT(value("tegrascope_request_duration_seconds_sum"), 100);
  EXPECT_GT(value("tegrascope_attributed_energy_joules_total"), 0);
}

// Addresses, as /proc/net/tcp writes them, on which a process listens.
std::vector<std::string> listening_addresses(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  std::set<std::string> inodes;
  DIR* directory = ::opendir((proc + "/fd").c_str());
  while (const dirent* entry = directory == nullptr ? nullptr : ::readdir(directory)) {
    char target[64] = {};
    if (::readlinkat(::dirfd(directory), entry->d_name, target, sizeof target - 1) < 0) continue;
    const std::string text = target;
    if (text.rfind("socket:[", 0) == 0) inodes.insert(text.substr(8, text.size() - 9));
  }
  if (directory != nullptr) ::closedir(directory);
  std::vector<std::string> out;
  for (const char* table : {"/net/tcp", "/net/tcp6", "/net/udp", "/net/udp6"}) {
    std::ifstream lines(proc + table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
      words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
      const bool listens = state == "0A" || std::string(table).find("udp") != std::string::npos;
      if (listens && inodes.count(inode) > 0) out.push_back(local.substr(0, local.find(':')));
    }
  }
  return out;
}

TEST_F(AgentContract, S5_NothingListensBeyondLoopbackUnasked) {
  const std::string loopback = "0100007F";
  EXPECT_EQ(Config{}.web_listen_addresses, std::vector<std::string>{"127.0.0.1:11480"});
  EXPECT_TRUE(Config{}.relay_listen_addresses.empty());
  {
    AgentProcess agent("run", flags(), directory_.root());
    EXPECT_EQ(listening_addresses(agent.process().pid()), std::vector<std::string>{loopback});
  }
  AgentProcess agent("run", flags({"--relay.listen-address=127.0.0.1:0"}), directory_.root());
  http_post(agent.relay_url() + "/api/embed", R"({"model":"qwen2.5:7b","input":"a"})");
  EXPECT_EQ(listening_addresses(agent.process().pid()), (std::vector<std::string>{loopback, loopback}));
}

TEST(AgentContractS12, TheMetricsPortIsNoWayToOllama) {
  TempTree directory;
  std::mutex mutex;
  std::set<std::string> asked;
  FakeHttpServer ollama([&](const FakeRequest& request) {
    const std::lock_guard lock(mutex);
    asked.insert(request.method + " " + request.path);
    return FakeHttpServer::answer(200, R"({"version":"0.33.0","models":[]})");
  });
  AgentProcess agent("run", {"--ollama.url=" + ollama.url(), "--relay.listen-address=127.0.0.1:0"},
                     directory.root());
  for (const char* path : {"/metrics", "/api/chat", "/api/generate", "/v1/chat/completions", "/"})
    EXPECT_EQ(http_post(agent.url() + path, R"({"model":"m"})").status, 405) << path;
  for (const char* path : {"/api/canary", "/v1/models", "/api/chat"})
    EXPECT_EQ(http_get(agent.url() + path).status, 404) << path;
  const auto port = static_cast<std::uint16_t>(std::stoi(agent.url().substr(agent.url().rfind(':') + 1)));
  for (const std::string& text : {"GET " + ollama.url() + "/api/canary HTTP/1.1\r\nHost: " + ollama.name() +
                                      "\r\nConnection: close\r\n\r\n",
                                  "CONNECT " + ollama.name() + " HTTP/1.1\r\nHost: " + ollama.name() +
                                      "\r\nConnection: close\r\n\r\n"}) {
    TcpPeer peer = TcpPeer::connect(port);
    peer.send(text);
    EXPECT_GE(peer.read_until("\r\n").substr(9, 1), "4") << text;
  }
  ASSERT_TRUE(wait_until(10s, [&] { return agent.scrape().sum("tegrascope_ollama_up") == 1.0; }));
  const std::lock_guard lock(mutex);
  asked.erase("GET /api/tags");  // rarely asked by the agent itself
  EXPECT_EQ(asked, (std::set<std::string>{"GET /api/ps", "GET /api/version"}));
}

}  // namespace
}  // namespace tegrascope::test
