#include "collectors/ollama/slots.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <sstream>

#include "event_queue.hpp"
#include "fake_http_server.hpp"
#include "tests/support/corpus.hpp"
#include "tests/support/free_port.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBody =
    R"([{"id":0,"id_task":7,"is_processing":true,"next_token":{"n_decoded":12}},)"
    R"({"id":1,"id_task":3,"is_processing":false,"next_token":[{"n_decoded":5}]},{"id":2,"is_processing":false}])";

TEST(ParseSlots, ObjectsAndListsOfNextToken) {
  const auto slots = parse_slots(kBody);
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 3u);
  EXPECT_TRUE(slots->at(0).processing);
  EXPECT_EQ(slots->at(0).task, 7);
  EXPECT_EQ(slots->at(0).decoded, 12u);
  EXPECT_FALSE(slots->at(1).processing);
  EXPECT_EQ(slots->at(1).decoded, 5u);
  EXPECT_EQ(slots->at(2).task, -1);
}

TEST(ParseSlots, TheCorpus) {
  const auto corpus = test::corpus_directory("ollama-api");
  if (!corpus) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS";
  std::ifstream file(*corpus / "llama-server-slots.json");
  std::ostringstream text;
  text << file.rdbuf();
  const auto slots = parse_slots(text.str());
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 2u);
  EXPECT_EQ(slots->at(0).task, 135);
  EXPECT_EQ(slots->at(1).decoded, 136u);
}

TEST(ParseSlots, WhatIsNoListOfSlots) {
  for (const char* odd :
       {"", "{}", R"([{"id":0}])", R"([1])", R"([{"id":"x","is_processing":true}])", "\xff"})
    EXPECT_FALSE(parse_slots(odd)) << odd;
  EXPECT_EQ(parse_slots("[]")->size(), 0u);
  std::string many = "[";
  for (int i = 0; i < 1000; ++i) many += R"({"id":)" + std::to_string(i) + R"(,"is_processing":false},)";
  many.back() = ']';
  EXPECT_EQ(parse_slots(many)->size(), kMaxSlots);
}

class SlotsPollerTest : public testing::Test {
 protected:
  void answer_with(std::optional<std::string> answer) {
    const std::lock_guard lock{mutex_};
    answer_ = std::move(answer);
  }
  int port() const { return std::stoi(runner_.name().substr(runner_.name().find(':') + 1)); }
  static OutboundOptions impatient() {
    OutboundOptions options;
    options.total_timeout = 150ms;
    return options;
  }

  static constexpr ProcessId kRunner{5, 1};
  EventQueue<std::string> asked_;
  EventQueue<SlotsReading> readings_;
  std::mutex mutex_;
  std::optional<std::string> answer_ = FakeHttpServer::answer(200, kBody);
  FakeHttpServer runner_{[this](const FakeRequest& request) {
    asked_.push(request.path);
    const std::lock_guard lock{mutex_};
    return answer_;
  }};
  Outbound outbound_{impatient()};
  SlotsPoller poller_{outbound_, 20ms, [this](SlotsReading&& r) { readings_.push(std::move(r)); }};
};

TEST_F(SlotsPollerTest, AsksAgainAndAgainWhileItIsATarget) {
  poller_.set_targets({{kRunner, port()}});
  for (int i = 0; i < 3; ++i) {
    const auto reading = readings_.next();
    ASSERT_TRUE(reading);
    EXPECT_EQ(reading->runner, kRunner);
    EXPECT_EQ(reading->error, "");
    EXPECT_EQ(reading->slots.at(0).decoded, 12u);
  }
  EXPECT_EQ(asked_.next(), "/slots");
  poller_.set_targets({});
  while (readings_.wait_for([](const auto&) { return true; }, 1s)) {
  }
  while (asked_.wait_for([](const auto&) { return true; }, 0s)) {
  }
  EventQueue<int> later;
  outbound_.call_at(monotonic_now() + 100ms, [&] { later.push(1); });
  ASSERT_TRUE(later.next());
  EXPECT_FALSE(asked_.wait_for([](const auto&) { return true; }, 0s)) << "nothing is asked of an idle runner";
  poller_.set_targets({{kRunner, port()}});
  EXPECT_TRUE(readings_.next()) << "a target again";
}

TEST_F(SlotsPollerTest, ARunnerWithoutSlotsIsToldOnceAndLeftAlone) {
  answer_with(FakeHttpServer::answer(404, "not found"));
  poller_.set_targets({{kRunner, port()}});
  const auto reading = readings_.next();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->error, "/slots answered HTTP 404");
  poller_.set_targets({{kRunner, port()}});
  EventQueue<int> later;
  outbound_.call_at(monotonic_now() + 100ms, [&] { later.push(1); });
  ASSERT_TRUE(later.next());
  EXPECT_EQ(asked_.next(), "/slots");
  EXPECT_FALSE(asked_.wait_for([](const auto&) { return true; }, 0s));
}

TEST_F(SlotsPollerTest, ARunnerThatCannotBeReachedIsToldOnce) {
  poller_.set_targets({{kRunner, std::stoi(test::free_port())}});
  const auto reading = readings_.next();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->error, "connection refused");
}

TEST_F(SlotsPollerTest, AStallOrALoadIsNoReasonToGiveUp) {
  answer_with(std::nullopt);
  poller_.set_targets({{kRunner, port()}});
  ASSERT_TRUE(asked_.next());
  ASSERT_TRUE(asked_.next()) << "asked again after the time was up";
  answer_with(FakeHttpServer::answer(503, R"({"error":{"message":"Loading model"}})"));
  ASSERT_TRUE(asked_.next());
  answer_with(FakeHttpServer::answer(200, kBody));
  const auto reading = readings_.next();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->error, "");
}

TEST_F(SlotsPollerTest, NothingIsDeliveredAfterStop) {
  poller_.set_targets({{kRunner, port()}});
  ASSERT_TRUE(readings_.next());
  poller_.stop();
  while (readings_.wait_for([](const auto&) { return true; }, 0s)) {
  }
  EXPECT_FALSE(readings_.wait_for([](const auto&) { return true; }, 0s));
}

}  // namespace
}  // namespace tegrascope
