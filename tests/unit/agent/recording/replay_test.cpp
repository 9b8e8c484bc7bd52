#include "agent/recording/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "agent/recording/decoder.hpp"
#include "agent/recording/replay_report.hpp"
#include "tests/unit/agent/recording/recorded.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

Replay replayed(const std::string& text) {
  std::istringstream in(text);
  return replay(in, "file");
}

// A fallback and two requests.
class ReplayOfARun : public testing::Test {
 protected:
  ReplayOfARun() : board_(keeper_) {
    board_.run_until(5, 5, 0, 0);
    board_.request(1, 15, 0.97, 0.3);
    board_.request(2, 18, 0.0, 5.8);
    board_.request(3, 18, 0.0, 5.8);
    board_.run_until(60, 5, 0, 0);
    board_.end();
  }
  TextKeeper keeper_;
  RecordedBoard board_;
};

TEST_F(ReplayOfARun, BooksWhatTheLiveAgentBooked) {
  const Replay result = replayed(keeper_.text());
  EXPECT_TRUE(is_sound(result));
  ASSERT_EQ(result.runs.size(), 1u);
  const ReplayedRun& run = result.runs[0];
  EXPECT_EQ(run.compared, 3u);
  EXPECT_EQ(run.differing, 0u);
  EXPECT_EQ(run.same_ledger, true);
  ASSERT_EQ(run.requests.size(), 3u);
  for (const RequestRecord& record : run.requests) {
    const RequestRecord& live = board_.booked().at(record.id);
    EXPECT_EQ(record.phase_amounts, live.phase_amounts);
    EXPECT_EQ(record.verdict.placement, live.verdict.placement);
    EXPECT_EQ(record.verdict.probability, live.verdict.probability);
    EXPECT_EQ(record.reasons, live.reasons);
  }
  ASSERT_EQ(run.events.size(), 1u);
  EXPECT_EQ(run.events[0].kind, EventKind::fallback);
  ASSERT_EQ(run.events_told.size(), 1u);
  EXPECT_EQ(run.events[0].wall, run.events_told[0].wall);
}

TEST_F(ReplayOfARun, GivesTheSameBytesAgain) {
  const Replay a = replayed(keeper_.text());
  const Replay b = replayed(keeper_.text());
  EXPECT_EQ(to_json(a), to_json(b));
  EXPECT_EQ(to_text(a), to_text(b));
  EXPECT_THAT(to_text(a), HasSubstr("3 of 3 requests as the live agent booked them"));
}

TEST_F(ReplayOfARun, NoticesWhatComesOutOtherwise) {
  std::string text = keeper_.text();
  const auto place = text.find("\"placement\":\"cpu\"");
  ASSERT_NE(place, std::string::npos);
  text.replace(place, 17, "\"placement\":\"gpu\"");
  EXPECT_EQ(replayed(text).runs[0].differing, 1u);
}

TEST_F(ReplayOfARun, ACutLastLineIsToldAndTheRestIsThere) {
  const std::string& text = keeper_.text();
  // At the end, in the middle, and near the beginning of the last line.
  for (const std::size_t cut : {2, 30, 60}) {
    const Replay result = replayed(text.substr(0, text.size() - cut));
    EXPECT_EQ(result.problem_count, 1u);
    EXPECT_THAT(result.problems.at(0), HasSubstr("cut"));
    EXPECT_FALSE(is_sound(result));
    ASSERT_EQ(result.runs.size(), 1u);
    EXPECT_EQ(result.runs[0].requests.size(), 3u);
    EXPECT_FALSE(result.runs[0].end);
    EXPECT_EQ(result.runs[0].differing, 0u);
  }
}

TEST_F(ReplayOfARun, AnUnknownKindIsToldAndTheRestIsThere) {
  std::string text = keeper_.text();
  text.insert(text.find('\n') + 1, "{\"k\":\"telepathy\",\"t\":5}\n");
  const Replay result = replayed(text);
  ASSERT_EQ(result.problem_count, 1u);
  EXPECT_THAT(result.problems[0], HasSubstr("file:2: records of kind 'telepathy'"));
  EXPECT_EQ(result.runs.at(0).same_ledger, true);
}

TEST_F(ReplayOfARun, AnAgentThatCameBackIsARunOfItsOwn) {
  const std::string& text = keeper_.text();
  const Replay result = replayed(text.substr(0, text.size() - 20) + "\n" + text);
  ASSERT_EQ(result.runs.size(), 2u);
  EXPECT_FALSE(result.runs[0].end);
  EXPECT_EQ(result.runs[1].same_ledger, true);
  EXPECT_EQ(result.problem_count, 1u);
}

TEST_F(ReplayOfARun, ManyProblemsAreCounted) {
  std::string text = keeper_.text();
  for (int i = 0; i < 100; ++i) text += "junk\n";
  const Replay result = replayed(text);
  EXPECT_EQ(result.problem_count, 100u);
  EXPECT_EQ(result.problems.size(), 20u);
}

TEST_F(ReplayOfARun, ATimeThatJumpsIsToldAndLeftOut) {
  const std::string& text = keeper_.text();
  const std::string mark = "{\"k\":\"advance\",\"t\":30";
  const auto place = text.find(mark);
  ASSERT_NE(place, std::string::npos);
  for (const char* wrong : {"9000000000000000000", "-9000000000000000000", "1", "90000000000000"}) {
    std::string damaged = text;
    damaged.insert(place, "{\"k\":\"advance\",\"t\":" + std::string(wrong) + "}\n");
    const Replay result = replayed(damaged);
    ASSERT_EQ(result.problem_count, 1u) << wrong;
    EXPECT_THAT(result.problems[0], HasSubstr("the time jumps, it was left out"));
    EXPECT_EQ(result.runs.at(0).same_ledger, true);
  }
}

TEST_F(ReplayOfARun, AFileThatBeginsInMidRunMayBeginDaysAfterItsHead) {
  const std::string head = keeper_.text().substr(0, keeper_.text().find('\n') - 1) + ",\"partial\":true}\n";
  const std::string three_days = "259200000000000";
  const std::string advance = "{\"k\":\"advance\",\"t\":" + three_days + "}\n";
  const std::string clock = "{\"k\":\"clock\",\"t\":259170000000000,\"boot\":259170000000000,\"wall\":0}\n";
  EXPECT_EQ(replayed(head + clock + advance).problem_count, 0u);
  EXPECT_EQ(replayed(head + advance).problem_count, 1u);
}

TEST_F(ReplayOfARun, AHeadWhoseNumbersAreDamagedIsRefused) {
  for (const char* key : {"cores", "max_gap", "hold_idle"}) {
    for (const char* wrong : {"0", "-1", "9000000000000000000"}) {
      std::string text = keeper_.text();
      const auto at = text.find("\"" + std::string(key) + "\":") + std::string(key).size() + 3;
      text.replace(at, text.find_first_of(",}", at) - at, wrong);
      EXPECT_THROW(replayed(text), RecordingError) << key << wrong;
    }
  }
}

std::string refusal(const std::string& text) {
  try {
    replayed(text);
  } catch (const RecordingError& e) {
    return e.what();
  }
  return "";
}

TEST(Replay, RefusesWhatItCannotReplay) {
  EXPECT_THAT(refusal(""), HasSubstr("file: the file is empty"));
  EXPECT_THAT(refusal("{\"k\":\"advance\",\"t\":1}\n"), HasSubstr("file:1: this is no recording"));
  EXPECT_THAT(refusal("hello\n"), HasSubstr("file:1:"));
  EXPECT_THAT(
      refusal("{\"k\":\"head\",\"format\":\"tegrascope-recording\",\"version\":99,\"program\":\"7\"}\n"),
      HasSubstr("version 99"));
}

TEST(UtcText, IsRfc3339) {
  EXPECT_EQ(utc_text(WallTime{1'700'000'000s + 12ms}), "2023-11-14T22:13:20.012Z");
  EXPECT_EQ(utc_text(WallTime{-1ms}), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace tegrascope
