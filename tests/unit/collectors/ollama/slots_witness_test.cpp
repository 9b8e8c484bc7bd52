#include "collectors/ollama/slots_witness.hpp"

#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr ProcessId kRunner{5, 1};
constexpr ProcessId kOther{6, 1};

MonotonicTime at(std::chrono::milliseconds time) { return MonotonicTime(time); }

class SlotsWitnessTest : public testing::Test {
 protected:
  void read(std::chrono::milliseconds time, std::vector<Slot> slots, ProcessId runner = kRunner) {
    witness_.observe(SlotsReading{runner, std::move(slots), "", at(time)});
  }
  void alive(std::vector<ProcessId> runners) {
    Batch batch;
    batch.lists_processes = true;
    for (const ProcessId& id : runners) {
      ProcessReading p;
      p.id = id;
      batch.processes.push_back(p);
    }
    witness_.observe(batch);
  }

  RequestIds ids_;
  test::EventLog log_;
  SlotsWitness witness_{ids_,
                        log_.sink(),
                        {[](const ProcessId&) { return "127.0.0.1:11434"; },
                         [](const ProcessId& id) { return id == kRunner ? "qwen2.5:7b" : ""; }}};
};

TEST_F(SlotsWitnessTest, ATaskIsARequestWithItsTokens) {
  read(0ms, {{0, 3, false, 9}});
  EXPECT_EQ(log_.size(), 0U) << "a slot at rest is no request";
  EXPECT_FALSE(witness_.busy(kRunner));
  read(250ms, {{0, 4, true, 0}});
  EXPECT_TRUE(witness_.busy(kRunner));
  read(500ms, {{0, 4, true, 0}});
  read(750ms, {{0, 4, true, 3}});
  read(1000ms, {{0, 4, true, 8}});
  read(1250ms, {{0, 4, false, 10}});
  EXPECT_FALSE(witness_.busy(kRunner));

  const auto started = log_.all<RequestStarted>();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0].witness, Witness::slots);
  EXPECT_EQ(started[0].server, "127.0.0.1:11434");
  EXPECT_EQ(started[0].at, at(250ms));
  const auto described = log_.all<RequestDescribed>();
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].model, "qwen2.5:7b");
  EXPECT_EQ(described[0].runner, kRunner);
  EXPECT_TRUE(described[0].streamed);
  const auto progress = log_.all<RequestProgress>();
  ASSERT_EQ(progress.size(), 2U) << "only when tokens came";
  EXPECT_EQ(progress[0].first_content, at(750ms));
  EXPECT_EQ(progress[1].content_chunks, 8U);
  const auto ended = log_.ended();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].at, at(1125ms)) << "halfway";
  EXPECT_EQ(ended[0].content_chunks, 10U);
  EXPECT_EQ(ended[0].outcome, Outcome::ok);
  EXPECT_FALSE(ended[0].counts);
}

TEST_F(SlotsWitnessTest, ANewTaskInTheSameSlotIsAnotherRequest) {
  read(0ms, {{0, 4, true, 5}});
  read(200ms, {{0, 5, true, 1}});
  EXPECT_EQ(log_.all<RequestStarted>().size(), 2U);
  ASSERT_EQ(log_.ended().size(), 1U);
  EXPECT_EQ(log_.ended()[0].content_chunks, 5U) << "not the next one's";
  read(400ms, {{0, 6, false, 0}});
  EXPECT_EQ(log_.ended().size(), 2U);
}

TEST_F(SlotsWitnessTest, SlotsOfOneRunnerAndOfTwo) {
  read(0ms, {{0, 1, true, 0}, {1, 2, true, 0}});
  read(10ms, {{0, 1, true, 0}}, kOther);
  EXPECT_EQ(log_.all<RequestStarted>().size(), 3U);
  alive({kRunner});
  ASSERT_EQ(log_.ended().size(), 1U) << "the other runner is gone";
  EXPECT_EQ(log_.ended()[0].outcome, Outcome::incomplete);
  witness_.observe(SlotsReading{kRunner, {}, "connection refused", at(20ms)});
  EXPECT_EQ(log_.ended().size(), 3U);
  EXPECT_FALSE(witness_.busy(kRunner));
}

}  // namespace
}  // namespace tegrascope
