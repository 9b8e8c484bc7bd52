// SIGTERM while a stream runs: nothing new is accepted, the stream ends whole, the exit is clean.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/support/agent_process.hpp"
#include "tests/support/idle_simulation.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

class Shutdown : public IdleSimulation {
 protected:
  std::vector<std::string> relay_flags() const { return flags({"--relay.listen-address=127.0.0.1:0"}); }
};

constexpr const char* kThreeSeconds =
    R"({"model":"qwen2.5:7b","messages":[{"role":"user","content":"count"}],"options":{"num_predict":28}})";

TEST_F(Shutdown, AStreamInFlightEndsWhole) {
  AgentProcess agent("run", relay_flags(), directory_.root());
  std::atomic<bool> first{false};
  TestAnswer answer;
  std::thread client([&] {
    answer = http_post(agent.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
      first = true;
      return true;
    });
  });
  ASSERT_TRUE(wait_until(20s, [&] { return first.load(); }));
  agent.process().signal(SIGTERM);
  EXPECT_TRUE(wait_until(2s, [&] { return http_get(agent.relay_url() + "/api/version", 500ms).status == 0; }))
      << "new connections must be refused";
  client.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.error, "");
  EXPECT_NE(answer.body.find("\"done\":true"), std::string::npos);
  EXPECT_EQ(agent.process().wait_for(20s), 0) << agent.process().errors();
}

TEST_F(Shutdown, AStreamLongerThanTheDrainTimeIsCut) {
  auto with_short_drain = relay_flags();
  with_short_drain.emplace_back("--relay.drain-time=300ms");
  AgentProcess agent("run", with_short_drain, directory_.root());
  std::atomic<bool> first{false};
  TestAnswer answer;
  std::thread client([&] {
    answer = http_post(agent.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
      first = true;
      return true;
    });
  });
  ASSERT_TRUE(wait_until(20s, [&] { return first.load(); }));
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(5s), 0) << agent.process().errors();
  client.join();
  EXPECT_NE(answer.error, "");
}

TEST_F(Shutdown, ASecondSignalEndsTheWait) {
  for (const int second : {SIGTERM, SIGINT}) {
    AgentProcess agent("run", relay_flags(), directory_.root());
    std::atomic<bool> first{false};
    TestAnswer answer;
    std::thread client([&] {
      answer = http_post(agent.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
        first = true;
        return true;
      });
    });
    ASSERT_TRUE(wait_until(20s, [&] { return first.load(); }));
    agent.process().signal(SIGTERM);
    ASSERT_TRUE(wait_until(5s, [&] {
      return agent.process().errors().find("msg=stopping") != std::string::npos;
    })) << agent.process().errors();
    EXPECT_TRUE(agent.process().running());
    agent.process().signal(second);
    EXPECT_EQ(agent.process().wait_for(1500ms), 0) << agent.process().errors();
    client.join();
    EXPECT_NE(answer.error, "");
  }
}

}  // namespace
}  // namespace tegrascope::test
