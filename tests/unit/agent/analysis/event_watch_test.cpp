#include "agent/analysis/event_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const ModelKey kModel{kServer, "qwen2.5:7b"};

SeenPlacement seen(Placement placement, bool gpu_expected = true) {
  SeenPlacement s;
  s.placement = placement;
  s.gpu_expected = gpu_expected;
  s.reason = ReasonClass::container_lost_gpu;
  s.cure = "docker restart ollama";
  s.evidence = "GPU 0 %";
  return s;
}

std::vector<EventKind> kinds(EventWatch& watch) {
  std::vector<EventKind> out;
  for (const Event& event : watch.take()) out.push_back(event.kind);
  return out;
}

TEST(EventWatch, AFallbackIsToldOnceWithReasonAndCure) {
  EventWatch watch;
  watch.set_clock({t(100), 100s, WallTime{1'700'000'000s}});
  watch.note_placement(kModel, seen(Placement::gpu), t(100));
  watch.note_placement(kModel, seen(Placement::cpu), t(105));
  watch.note_placement(kModel, seen(Placement::cpu), t(106));
  watch.note_placement(kModel, seen(Placement::partial), t(107));
  const auto events = watch.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::fallback);
  EXPECT_EQ(events[0].model, "qwen2.5:7b");
  EXPECT_EQ(events[0].reason, ReasonClass::container_lost_gpu);
  EXPECT_EQ(events[0].cure, "docker restart ollama");
  EXPECT_EQ(events[0].text, "runs on the CPU: GPU 0 %");
  EXPECT_EQ(events[0].wall, WallTime{1'700'000'005s});
  watch.note_placement(kModel, seen(Placement::gpu), t(110));
  watch.note_placement(kModel, seen(Placement::partial), t(111));
  EXPECT_THAT(kinds(watch), ElementsAre(EventKind::recovery, EventKind::fallback));
  EXPECT_EQ(watch.counts().at(EventKind::fallback), 2u);
}

TEST(EventWatch, AFallbackAfterThePlacementWasForgottenIsToldAgain) {
  EventWatch watch;
  watch.note_placement(kModel, seen(Placement::cpu), t(1));
  watch.note_gone(kModel);
  EXPECT_TRUE(watch.is_new(kModel, Placement::cpu));
  EXPECT_TRUE(watch.note_placement(kModel, seen(Placement::cpu), t(2000)));
  EXPECT_FALSE(watch.note_placement(kModel, seen(Placement::cpu), t(2001)));
  watch.note_gone(kModel);
  watch.note_placement(kModel, seen(Placement::gpu), t(4000));
  EXPECT_THAT(kinds(watch), ElementsAre(EventKind::fallback, EventKind::fallback, EventKind::recovery));
}

TEST(EventWatch, ABoardThatBootsIntoTheCpuIsAFallbackAndOneThatIsAskedToIsNot) {
  EventWatch watch;
  watch.note_placement(kModel, seen(Placement::cpu, false), t(1));
  watch.note_placement(kModel, seen(Placement::gpu), t(2));
  EXPECT_THAT(kinds(watch), IsEmpty());
  watch.note_placement({kServer, "other"}, seen(Placement::cpu), t(3));
  EXPECT_THAT(kinds(watch), ElementsAre(EventKind::fallback));
}

ServerLog log_with(std::uint64_t failures, std::uint64_t killed, std::uint64_t crashed) {
  ServerLog log;
  log.server = kServer;
  if (failures > 0) log.load_failures[ReasonClass::vram_too_small] = failures;
  log.runners_killed = killed;
  log.runners_crashed = crashed;
  return log;
}

TEST(EventWatch, WhatTheLogCountsIsToldAsItGrows) {
  EventWatch watch;
  watch.note_log(log_with(0, 0, 0), t(1));
  watch.note_log(log_with(2, 0, 0), t(2));
  auto events = watch.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::load_failed);
  EXPECT_EQ(events[0].reason, ReasonClass::vram_too_small);
  EXPECT_THAT(events[0].text, HasSubstr("2 times"));
  watch.note_log(log_with(2, 1, 0), t(3));
  events = watch.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::runner_exit);
  EXPECT_EQ(events[0].reason, ReasonClass::oom_killed);
  watch.note_log(log_with(2, 1, 0), t(4));
  EXPECT_THAT(kinds(watch), IsEmpty());
}

TEST(EventWatch, ADeathSeenByLogAndProcessesIsOne) {
  EventWatch watch;
  watch.note_log(log_with(0, 0, 0), t(1));
  watch.note_runner_exit({kServer, "m", false}, t(10));
  watch.note_log(log_with(0, 0, 1), t(10.4));
  watch.advance(t(12));
  EXPECT_THAT(kinds(watch), ElementsAre(EventKind::runner_exit));
  watch.note_runner_exit({kServer, "m", false}, t(40));
  watch.advance(t(42));
  watch.note_log(log_with(0, 0, 2), t(43));
  EXPECT_THAT(kinds(watch), ElementsAre(EventKind::runner_exit));
}

TEST(EventWatch, ADeathBesideAnOomKillIsForMemory) {
  EventWatch watch;
  watch.note_reading({Signal::oom_kills, "", "", 3, t(9)});
  watch.note_runner_exit({kServer, "m", false}, t(10));
  watch.advance(t(10.5));
  EXPECT_THAT(watch.take(), IsEmpty());  // the counter is read once a second
  watch.note_reading({Signal::oom_kills, "", "", 4, t(11)});
  watch.advance(t(11.6));
  auto events = watch.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].reason, ReasonClass::oom_killed);
  watch.note_runner_exit({kServer, "m", false}, t(60));
  watch.note_runner_exit({"other:1", "", true}, t(60));
  watch.advance(t(62));
  events = watch.take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].reason, ReasonClass::runner_crash);
  EXPECT_EQ(events[1].reason, ReasonClass::none);
  EXPECT_THAT(events[1].text, HasSubstr("Ollama ended"));
}

TEST(EventWatch, ThrottlingThatComesAndGoesIsOne) {
  EventWatch watch;
  std::vector<EventKind> told;
  for (int s = 0; s < 600; ++s) {
    const bool hot = s >= 10 && s < 100 && s % 7 < 3;
    watch.note_reading({Signal::throttled, "", "thermal", hot ? 1.0 : 0.0, t(s)});
    for (const Event& event : watch.take()) {
      told.push_back(event.kind);
      if (event.kind == EventKind::throttle_end) {
        EXPECT_THAT(event.text, HasSubstr("thermal, held down for"));
      }
    }
  }
  EXPECT_THAT(told, ElementsAre(EventKind::throttle_begin, EventKind::throttle_end));
}

TEST(EventWatch, KeepsTheLast64AndCountsAll) {
  EventWatch watch;
  for (int i = 0; i < 200; ++i)
    watch.note_placement(kModel, seen(i % 2 == 0 ? Placement::cpu : Placement::gpu), t(i));
  EXPECT_EQ(watch.recent().size(), 64u);
  EXPECT_EQ(watch.recent().back().at, t(199));
  EXPECT_EQ(watch.counts().at(EventKind::fallback), 100u);
  EXPECT_EQ(watch.counts().at(EventKind::throttle_begin), 0u);
}

TEST(EventWatch, RemembersABoundedNumberOfServersThatAreGone) {
  EventWatch watch;
  const auto failed_once = [](int port) {
    ServerLog log;
    log.server = "127.0.0.1:" + std::to_string(port);
    log.load_failures[ReasonClass::oom_alloc] = 1;
    return log;
  };
  for (int port = 1; port <= 64; ++port) watch.note_log(failed_once(port), t(port));
  watch.bound_servers({"127.0.0.1:64"});
  EXPECT_EQ(watch.take().size(), 64u);
  watch.note_log(failed_once(1), t(100));
  EXPECT_THAT(watch.take(), IsEmpty()) << "it is known";
  watch.note_log(failed_once(65), t(101));
  watch.bound_servers({"127.0.0.1:65"});
  EXPECT_EQ(watch.take().size(), 1u);
  watch.note_log(failed_once(65), t(102));
  EXPECT_THAT(watch.take(), IsEmpty());
  watch.note_log(failed_once(64), t(103));
  EXPECT_EQ(watch.take().size(), 1u) << "forgotten: it counts from 0";
}

TEST(AnalysisEvents, ComeOfRequestsAndStandInTheSnapshot) {
  Board board;
  board.run_until(5, 5, 0, 0);
  board.whole_request(1, 5, 15, 0.97, 0.3);
  board.whole_request(2, board.now(), 18, 0, 5.8);
  const auto events = board.analysis().take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::fallback);
  EXPECT_THAT(events[0].text, HasSubstr("GPU 0 %"));
  const SnapshotPtr snapshot = board.snapshot();
  EXPECT_EQ(snapshot->events.size(), 1u);
  EXPECT_EQ(snapshot->event_counts.at(EventKind::fallback), 1u);
  EXPECT_EQ(snapshot->event_counts.size(), kEventKinds.size());
}

}  // namespace
}  // namespace tegrascope
