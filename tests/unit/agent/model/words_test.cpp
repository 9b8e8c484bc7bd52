#include "agent/model/words.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "agent/model/event.hpp"

namespace tegrascope {
namespace {

TEST(EventKind, EachHasAWordOfItsOwn) {
  std::set<std::string_view> words;
  for (const EventKind kind : kEventKinds) words.insert(to_string(kind));
  EXPECT_EQ(words.size(), kEventKinds.size());
  EXPECT_EQ(to_string(EventKind::load_failed), "load_failed");
}

TEST(EventKind, WhatIsGoodNewsIsNoAlarm) {
  std::set<EventKind> alarms;
  for (const EventKind kind : kEventKinds)
    if (is_alarm(kind)) alarms.insert(kind);
  EXPECT_EQ(alarms, (std::set{EventKind::fallback, EventKind::load_failed, EventKind::runner_exit,
                              EventKind::throttle_begin}));
}

}  // namespace
}  // namespace tegrascope
