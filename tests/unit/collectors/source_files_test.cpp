#include "collectors/source_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "collectors/collector.hpp"
#include "collectors/read_watch.hpp"
#include "tests/support/readings.hpp"

namespace tegrascope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SourceFiles, PatternsMatchTheEndOfThePath) {
  EXPECT_TRUE(ends_like("/host/proc/stat", "stat"));
  EXPECT_TRUE(ends_like("/proc/stat", "proc/stat"));
  EXPECT_FALSE(ends_like("/proc/vmstat", "stat"));
  EXPECT_TRUE(ends_like("/sys/class/thermal/thermal_zone12/temp", "thermal_zone*/temp"));
  EXPECT_FALSE(ends_like("/sys/class/thermal/cooling_device1/temp", "thermal_zone*/temp"));
  EXPECT_TRUE(ends_like("/h/in1_input", "in*_input"));
  EXPECT_FALSE(ends_like("stat", "proc/stat"));
  EXPECT_TRUE(ends_like("/d/clk/nvenc0/clk_rate", "clk/*/clk_rate"));
  EXPECT_FALSE(ends_like("/d/clk/a/b/clk_rate", "clk/*/clk_rate")) << "* stays within a component";
}

TEST(SourceFiles, WhatIsMadeOfAFile) {
  EXPECT_THAT(signals_made_of("fan", "/sys/class/hwmon/hwmon2/pwm1"), ElementsAre(Signal::fan_duty_ratio));
  EXPECT_THAT(signals_made_of("fan", "/sys/class/hwmon/hwmon2/name"), IsEmpty());
  EXPECT_THAT(signals_made_of("gpu", "/sys/class/hwmon/hwmon2/pwm1"), IsEmpty());
}

TEST(SourceFiles, EveryCollectorHasARow) {
  for (const CollectorInfo& info : builtin_collectors())
    EXPECT_TRUE(std::any_of(source_files().begin(), source_files().end(), [&](const SourceFile& s) {
      return s.collector == info.name;
    })) << info.name;
}

class SourceFilesOf : public testing::TestWithParam<const char*> {};

// A reading has the time of one file's read: the table must say that this file makes it.
TEST_P(SourceFilesOf, TheTableSaysWhatTheCollectorsDo) {
  const std::filesystem::path root = std::filesystem::path(TEGRASCOPE_FIXTURES) / GetParam();
  std::size_t compared = 0;
  for (const CollectorInfo& info : builtin_collectors()) {
    ReadWatch watch(std::make_shared<Quarantine>());
    const ReadWatch::Use use(watch);
    watch.keep_trace();
    const auto collector = info.make({root / "proc", root / "sys", root, root / "tegrastats"});
    const Batch batch = test::collect(*collector);
    const auto trace = watch.take_trace();
    const auto all = signals_of(info.name);
    for (const Reading& reading : batch.readings) {
      if (reading.signal == Signal::self_cpu_seconds || reading.signal == Signal::self_max_fds) continue;
      EXPECT_TRUE(std::count(all.begin(), all.end(), reading.signal) == 1)
          << info.name << " " << static_cast<int>(reading.signal);
      for (const TracedRead& read : trace) {
        if (read.at() != reading.at || read.error != 0) continue;
        const auto made = signals_made_of(info.name, read.path);
        EXPECT_TRUE(std::count(made.begin(), made.end(), reading.signal) == 1)
            << read.path << " " << static_cast<int>(reading.signal);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 40u);
}

INSTANTIATE_TEST_SUITE_P(All, SourceFilesOf,
                         testing::Values("nano-r32", "xavier-nx-r35", "orin-nano-r35", "orin-nano-r36",
                                         "orin-nano-r39", "agx-orin-r36", "agx-thor-r38", "pc-debian12"));

}  // namespace
}  // namespace tegrascope
