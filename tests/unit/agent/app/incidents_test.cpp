#include "agent/app/incidents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "agent/recording/replay.hpp"
#include "tests/support/no_root_rights.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/agent/recording/recorded.hpp"

namespace tegrascope {
namespace {

Event event_of(EventKind kind, double at) {
  Event event;
  event.kind = kind;
  event.at = t(at);
  event.wall = WallTime{1'700'000'000s};
  return event;
}

TEST(IncidentPolicy, AFlappingAlarmWritesOnceInTenMinutes) {
  IncidentPolicy policy({});
  int written = 0;
  for (double now = 0; now < 3600; now += 1) {
    policy.note(event_of(EventKind::throttle_begin, now));
    written += policy.take_due(t(now)) ? 1 : 0;
  }
  EXPECT_EQ(written, 6);
}

TEST(IncidentPolicy, AnotherAlarmSoonAfterIsWrittenWhenTwoMinutesAreOver) {
  IncidentPolicy policy({});
  policy.note(event_of(EventKind::throttle_begin, 0));
  EXPECT_EQ(policy.take_due(t(0))->kind, EventKind::throttle_begin);
  policy.note(event_of(EventKind::fallback, 30));
  EXPECT_FALSE(policy.take_due(t(30)));
  EXPECT_FALSE(policy.take_due(t(119)));
  const auto due = policy.take_due(t(120));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->kind, EventKind::fallback);
  EXPECT_FALSE(policy.take_due(t(500)));
}

TEST(IncidentPolicy, GoodNewsWriteNothing) {
  IncidentPolicy policy({});
  policy.note(event_of(EventKind::recovery, 0));
  policy.note(event_of(EventKind::throttle_end, 0));
  EXPECT_FALSE(policy.take_due(t(1)));
}

TEST(IncidentFiles, TheOldestGoWhateverTheClockSays) {
  test::TempTree tree;
  const auto folder = tree.root() / "state" / "incidents";
  for (int i = 0; i < 30; ++i) {
    Event event = event_of(EventKind::fallback, i);
    event.wall = WallTime{1'700'000'000s - i * 1h};  // set back each time
    write_incident(folder, 20, event, "text " + std::to_string(i) + "\n");
  }
  const auto files = list_incidents(folder);
  ASSERT_EQ(files.size(), 20u);
  EXPECT_EQ(files.front().number, 11u);
  EXPECT_EQ(files.back().number, 30u);
  EXPECT_EQ(files.back().kind, "fallback");
  EXPECT_EQ(files.back().bytes, 8u);
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ++entries;
    const auto mode = std::filesystem::status(entry).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  EXPECT_EQ(entries, 20u);
}

TEST(IncidentFiles, WhatIsNoneOfThemIsLeftAlone) {
  test::TempTree tree;
  tree.write("incidents/notes.txt", "mine");
  tree.write("incidents/incident-1-x.jsonl", "mine");
  for (int i = 0; i < 3; ++i)
    write_incident(tree.root() / "incidents", 1, event_of(EventKind::runner_exit, i), "x\n");
  EXPECT_EQ(list_incidents(tree.root() / "incidents").size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(tree.root() / "incidents/notes.txt"));
  EXPECT_TRUE(std::filesystem::exists(tree.root() / "incidents/incident-1-x.jsonl"));
  EXPECT_TRUE(list_incidents(tree.root() / "nowhere").empty());
}

TEST(IncidentFiles, AFolderThatMayNotBeReadIsNotAnEmptyOne) {
  test::TempTree tree;
  std::filesystem::create_directory(tree.root() / "closed");
  std::filesystem::permissions(tree.root() / "closed", std::filesystem::perms::none);
  try {
    const test::NoRootRights no_rights;
    list_incidents(tree.root() / "closed" / "incidents");
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(),
                testing::HasSubstr("closed/incidents cannot be read: Permission denied; run it with sudo"));
  }
  std::filesystem::permissions(tree.root() / "closed", std::filesystem::perms::owner_all);
}

TEST(Incidents, WritesTheFlightRecorderAndCountsWhatItCannot) {
  test::TempTree tree;
  FlightRecorder flight;
  RecordedBoard board(flight);
  board.request(1, 15, 0.97, 0.3);
  DiskThread disk;
  IncidentOptions options;
  options.directory = tree.root() / "incidents";
  Incidents incidents(options, flight, disk);
  incidents.note(event_of(EventKind::fallback, board.now()));
  incidents.advance(t(board.now()));
  tree.write("file", "in the way");
  options.directory = tree.root() / "file";
  Incidents blocked(options, flight, disk);
  blocked.note(event_of(EventKind::fallback, board.now()));
  blocked.advance(t(board.now()));
  disk.stop();
  EXPECT_EQ(incidents.view().written, 1u);
  EXPECT_EQ(incidents.view().failed, 0u);
  EXPECT_EQ(blocked.view().failed, 1u);
  const auto files = list_incidents(tree.root() / "incidents");
  ASSERT_EQ(files.size(), 1u);
  std::ifstream in(files[0].path);
  const Replay result = replay(in, "incident");
  EXPECT_TRUE(is_sound(result));
  EXPECT_EQ(result.runs.at(0).requests.size(), 1u);
}

}  // namespace
}  // namespace tegrascope
