#include "agent/analysis/runner_work.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {

using testing::ElementsAre;
using testing::IsEmpty;

// A span as seconds.
using Seconds = std::pair<double, double>;

namespace {

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

constexpr ProcessId kRunner{200, 9};
constexpr ProcessId kAnother{201, 12};

class Runner : public testing::Test {
 protected:
  LiveRequest& open(RequestId id, double started, std::optional<double> first = {},
                    Witness witness = Witness::relay) {
    LiveRequest& r = live_[id];
    r.started.id = id;
    r.started.at = t(started);
    r.started.witness = witness;
    r.streamed = true;
    r.runner = ProcessReading{};
    r.runner->id = kRunner;
    if (first) r.first_content = t(*first);
    return r;
  }

  // With the server's durations: the prompt from `prompt` to `first`, the decode to `ended`.
  void end(RequestId id, double prompt, double first, double ended) {
    LiveRequest& r = live_.at(id);
    r.first_content = t(first);
    r.ended = RequestEnded{};
    r.ended->at = t(ended);
    r.ended->counts = FinalCounts{};
    r.ended->counts->total_duration = t(ended) - r.started.at;
    r.ended->counts->prompt_eval_duration = t(first) - t(prompt);
    r.ended->counts->eval_duration = t(ended) - t(first);
    work_.see(live_);
    work_.note_ended(r);
  }

  void end_untimed(RequestId id, double ended, Outcome outcome = Outcome::ok) {
    LiveRequest& r = live_.at(id);
    r.ended = RequestEnded{};
    r.ended->at = t(ended);
    r.ended->outcome = outcome;
    work_.see(live_);
    work_.note_ended(r);
  }

  // Its amounts are booked.
  void forget(RequestId id) { live_.erase(id); }

  std::vector<Seconds> decode_only(RequestId id, double begin, double end) {
    std::vector<Seconds> out;
    work_.see(live_);
    for (const TimeSpan& span : work_.decode_only(live_.at(id), t(begin), t(end)))
      out.emplace_back(to_seconds(span.begin.time_since_epoch()), to_seconds(span.end.time_since_epoch()));
    return out;
  }

  RunnerWork::LiveRequests live_;
  RunnerWork work_;
};

TEST_F(Runner, OfOneRequestDoesNothingElse) {
  open(1, 0, 1);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 9}));
}

TEST_F(Runner, PromptsThatTheServerTimedAreCutOut) {
  open(1, 0, 1);
  open(2, 2);
  end(2, 3, 5, 6);
  forget(2);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 3}, Seconds{5, 9}));
}

TEST_F(Runner, TwoPromptsThatOverlapAreOneHole) {
  open(1, 0, 1);
  open(2, 2);
  open(3, 2);
  end(2, 3, 5, 6);
  end(3, 4, 7, 8);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 3}, Seconds{7, 9}));
}

TEST_F(Runner, ATaskInASlotEvaluatesItsPromptUntilItsFirstToken) {
  open(1, 0, 1, Witness::slots);
  open(2, 2, 4, Witness::slots);
  open(3, 6, std::nullopt, Witness::slots);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 2}, Seconds{4, 6}));
  end_untimed(3, 8);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 2}, Seconds{4, 6}, Seconds{8, 9}));
}

TEST_F(Runner, WithOneSlotOthersWait) {
  open(1, 0, 1);
  open(2, 1);
  open(3, 2);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 9}));
  // The next one's decode is no sign of a second slot: it ended after the first.
  end(1, 0.5, 1, 9);
  end(2, 9, 11, 15);
  open(4, 15.5, 16);
  EXPECT_THAT(decode_only(4, 16, 20), ElementsAre(Seconds{16, 20}));
}

TEST_F(Runner, OfSeveralSlotsMayEvaluateAPromptOfWhichNothingIsToldYet) {
  open(1, 0, 1).runner->slots = 2;
  open(2, 5);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 5}));
}

TEST_F(Runner, OnceItWorkedOnTwoAtOnceOneThatIsOpenMayBeInItsPrompt) {
  open(1, 0, 1);
  open(2, 0, 2);
  end(2, 1, 2, 4);
  forget(2);
  open(3, 5);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{2, 5}));
  // While both slots decode it waits.
  open(4, 6, 6.5);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{2, 5}, Seconds{6.5, 9}));
}

TEST_F(Runner, AnEmbeddingThatEndsBesideADecodeHadASlot) {
  open(1, 0, 1);
  open(2, 3).started.operation = Operation::embed;
  end_untimed(2, 5);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 3}, Seconds{5, 9}));
}

TEST_F(Runner, OneWhoseClientLeftProvesNoSecondSlot) {
  open(1, 0, 1);
  open(2, 3);
  end_untimed(2, 5, Outcome::client_aborted);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 9}));
}

TEST_F(Runner, AnAnswerInOnePieceProvesASecondSlotOnceItsPhasesAreTold) {
  open(1, 0);
  live_.at(1).streamed = false;
  open(2, 2);
  end(2, 3, 5, 6);
  end(1, 0, 1, 9);
  open(3, 7);
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 3}, Seconds{5, 7}));
}

TEST_F(Runner, OthersAndTheirSpellsDoNotCount) {
  open(1, 0, 1, Witness::slots);
  open(2, 2, std::nullopt, Witness::slots).runner->id = kAnother;
  open(3, 2, std::nullopt, Witness::process);
  open(4, 2, std::nullopt, Witness::slots).remote = true;
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 9}));
}

TEST_F(Runner, IsForgottenWithItsProcess) {
  open(1, 0, 1);
  open(2, 2);
  end(2, 3, 5, 6);
  forget(2);
  work_.forget_if([](const ProcessId& id) { return id == kRunner; });
  EXPECT_THAT(decode_only(1, 1, 9), ElementsAre(Seconds{1, 9}));
}

TEST_F(Runner, OfManyOnlyTheLastAreRemembered) {
  open(1, 0, 1);
  for (RequestId id = 2; id < 602; ++id) {
    const auto at = static_cast<double>(id);
    open(id, at);
    end(id, at, at + 0.5, at + 0.6);
    forget(id);
  }
  const auto spans = decode_only(1, 1, 602);
  EXPECT_EQ(spans.size(), 513U);
  EXPECT_EQ(spans.front(), Seconds(1, 602 - 512));
}

TEST_F(Runner, PromptAllTheTimeLeavesNothing) {
  open(1, 0, 1);
  open(2, 0);
  end(2, 0.5, 9, 9.5);
  EXPECT_THAT(decode_only(1, 1, 9), IsEmpty());
}

}  // namespace
}  // namespace tegrascope
