#include "agent/app/board_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/model/signals.hpp"
#include "collectors/source_files.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string path_of(const test::TempTree& tree, std::string_view file) { return tree.path(file).string(); }

class BoardReports : public testing::Test {
 protected:
  ~BoardReports() override {
    EXPECT_TRUE(test::eventually([] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0;
    }));
  }
  void copy_board(const char* name) {
    fs::copy(
        fs::path(TEGRASCOPE_FIXTURES) / name, tree_.root(),
        fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing);
  }
  CollectorReport read(const std::string& collector) {
    Config config = this->config();
    const BoardReport report = read_board_report(config, {collector});
    for (const CollectorReport& c : report.collectors)
      if (c.name == collector) return c;
    ADD_FAILURE() << "no " << collector;
    return {};
  }
  Config config() const {
    Config config;
    config.paths = tree_.host_paths();
    return config;
  }
  static const SignalReport* find(const CollectorReport& report, Signal signal,
                                  std::string_view instance = {}, std::string_view kind = {}) {
    const auto found = std::find_if(report.signals.begin(), report.signals.end(), [&](const SignalReport& s) {
      return s.reading.signal == signal && s.reading.instance == instance && s.reading.kind == kind;
    });
    return found == report.signals.end() ? nullptr : &*found;
  }
  // Below the tree's root.
  std::vector<std::string> sources(const CollectorReport& report, Signal signal,
                                   std::string_view instance = {}, std::string_view kind = {}) const {
    std::vector<std::string> paths;
    const SignalReport* found = find(report, signal, instance, kind);
    if (found == nullptr) return {"no such reading"};
    for (const Source& source : found->sources)
      paths.push_back(fs::path(source.path).lexically_relative(tree_.root()));
    return paths;
  }
  static const Absence* absent(const CollectorReport& report, std::optional<Signal> signal,
                               std::string_view instance = {}) {
    const auto found = std::find_if(report.absent.begin(), report.absent.end(), [&](const Absence& a) {
      return a.signal == signal && a.instance == instance;
    });
    return found == report.absent.end() ? nullptr : &*found;
  }

  test::TempTree tree_;
};

TEST_F(BoardReports, EveryCollectorOfTheRegistryIsInIt) {
  copy_board("pc-debian12");
  Config config = this->config();
  config.collectors["cpu"] = false;
  config.collectors["tegrastats"] = false;
  const BoardReport report = read_board_report(config);
  ASSERT_EQ(report.collectors.size(), builtin_collectors().size());
  for (std::size_t i = 0; i < report.collectors.size(); ++i)
    EXPECT_EQ(report.collectors[i].name, builtin_collectors()[i].name);
  EXPECT_EQ(report.collectors[0].state, CollectorState::off);
  EXPECT_EQ(report.collectors[0].reason, "switched off by --no-collector.cpu");
  const auto state = [&](std::string_view name) {
    return std::find_if(report.collectors.begin(), report.collectors.end(),
                        [&](const CollectorReport& c) { return c.name == name; })
        ->state;
  };
  EXPECT_EQ(state("memory"), CollectorState::ok);
  EXPECT_EQ(state("rails"), CollectorState::absent);
  EXPECT_EQ(state("emc"), CollectorState::absent);
  EXPECT_FALSE(report.board.jetson);
  EXPECT_FALSE(is_empty(report));
}

TEST_F(BoardReports, NothingThereIsEmpty) {
  const BoardReport report = read_board_report(config());
  EXPECT_TRUE(is_empty(report));
}

TEST_F(BoardReports, AReadingNamesItsFileAndHowLongTheReadTook) {
  copy_board("orin-nano-r36");
  const CollectorReport report = read("thermal");
  EXPECT_EQ(report.state, CollectorState::ok);
  EXPECT_GT(report.took, 0ns);
  EXPECT_THAT(sources(report, Signal::temperature_celsius, "cpu"),
              ElementsAre("sys/class/thermal/thermal_zone0/temp"));
  const SignalReport* cpu = find(report, Signal::temperature_celsius, "cpu");
  ASSERT_NE(cpu, nullptr);
  EXPECT_GT(cpu->sources[0].took.value_or(0ns), 0ns);
  EXPECT_LT(cpu->sources[0].took.value_or(1h), 1s);
}

TEST_F(BoardReports, ComposedReadingsNameAllThatTheyAreMadeOf) {
  copy_board("orin-nano-r36");
  const CollectorReport rails = read("rails");
  EXPECT_THAT(sources(rails, Signal::rail_power_watts, "VDD_SOC"),
              ElementsAre("sys/class/hwmon/hwmon1/in3_input", "sys/class/hwmon/hwmon1/curr3_input"));
  EXPECT_THAT(sources(rails, Signal::board_power_watts, "", "input_rail"),
              ElementsAre("sys/class/hwmon/hwmon1/in1_input", "sys/class/hwmon/hwmon1/curr1_input"));
  EXPECT_THAT(sources(rails, Signal::rail_averaging_seconds, "VDD_SOC"),
              ElementsAre("sys/class/hwmon/hwmon1/samples", "sys/class/hwmon/hwmon1/update_interval"));
  EXPECT_THAT(sources(read("emc"), Signal::emc_bytes_per_second),
              ElementsAre("sys/kernel/debug/cactmon/mc_all", "sys/kernel/debug/bpmp/debug/clk/emc/rate"));
  EXPECT_THAT(sources(read("cooling"), Signal::cooling_max_state, "0", "pwm-fan"),
              ElementsAre("sys/class/thermal/cooling_device0/max_state"));
  EXPECT_EQ(sources(read("throttle"), Signal::throttled, "", "overcurrent").size(), 3u);
  EXPECT_THAT(sources(read("nvpmodel"), Signal::nvpmodel_mode, "", "MAXN_SUPER"),
              testing::Contains("var/lib/nvpmodel/status"));
}

TEST_F(BoardReports, ABoardsPowerThatIsASumNamesAllItsRails) {
  copy_board("agx-orin-r36");
  EXPECT_GE(sources(read("rails"), Signal::board_power_watts, "", "rail_sum").size(), 6u);
}

TEST_F(BoardReports, TripPointsAreJoinedAlsoWhereTheZoneIsPoweredOff) {
  copy_board("orin-nano-r35");
  const CollectorReport report = read("thermal");
  EXPECT_THAT(sources(report, Signal::temperature_trip_celsius, "cv0", "shutdown"),
              ElementsAre("sys/class/thermal/thermal_zone2/trip_point_0_type",
                          "sys/class/thermal/thermal_zone2/trip_point_0_temp"));
  const Absence* cv0 = absent(report, Signal::temperature_celsius, "cv0");
  ASSERT_NE(cv0, nullptr);
  EXPECT_EQ(cv0->reason, "unavailable");
  EXPECT_EQ(cv0->path, path_of(tree_, "sys/class/thermal/thermal_zone2/temp"));
  EXPECT_EQ(report.state, CollectorState::ok) << "powered off is no fault";
}

TEST_F(BoardReports, AZoneThatAnswersEagainIsGated) {
  copy_board("orin-nano-r36");
  tree_.write("sys/class/thermal/thermal_zone0/temp", "(EAGAIN)");
  const CollectorReport report = read("thermal");
  const Absence* cpu = absent(report, Signal::temperature_celsius, "cpu");
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(cpu->reason, "unavailable");
  EXPECT_EQ(report.state, CollectorState::ok);
}

TEST_F(BoardReports, EnginesThatAreOffHaveNoClockEach) {
  copy_board("orin-nano-r36");
  tree_.write("sys/kernel/debug/clk/nvenc/clk_enable_count", "0\n");
  tree_.write("sys/kernel/debug/clk/nvdec/clk_enable_count", "0\n");
  const CollectorReport report = read("engines");
  for (const char* engine : {"nvenc", "nvdec"}) {
    const Absence* clock = absent(report, Signal::engine_frequency_hertz, engine);
    ASSERT_NE(clock, nullptr) << engine;
    EXPECT_EQ(clock->reason, "unavailable");
  }
}

TEST_F(BoardReports, WhatIsLostWithABrokenFileIsNamed) {
  copy_board("orin-nano-r36");
  tree_.write("sys/class/hwmon/hwmon1/in3_input", "no number\n");
  const CollectorReport report = read("rails");
  EXPECT_EQ(report.state, CollectorState::partial);
  for (const Signal signal : {Signal::rail_voltage_volts, Signal::rail_power_watts}) {
    const Absence* lost = absent(report, signal, "VDD_SOC");
    ASSERT_NE(lost, nullptr) << static_cast<int>(signal);
    EXPECT_EQ(lost->reason, "parse");
    EXPECT_EQ(lost->path, path_of(tree_, "sys/class/hwmon/hwmon1/in3_input"));
    EXPECT_THAT(lost->detail, HasSubstr("'no number'"));
  }
  EXPECT_EQ(absent(report, Signal::board_power_watts), nullptr) << "it is that of another rail";
  EXPECT_NE(find(report, Signal::rail_current_amperes, "VDD_SOC"), nullptr);
}

TEST_F(BoardReports, AFeatureThatTheKernelLacksIsNoFault) {
  copy_board("orin-nano-r36");
  tree_.write("proc/pressure/memory", "(EOPNOTSUPP)");
  const CollectorReport report = read("pressure");
  const Absence* stalled = absent(report, Signal::memory_stalled_seconds);
  ASSERT_NE(stalled, nullptr);
  EXPECT_EQ(stalled->reason, "unavailable");
  EXPECT_EQ(report.state, CollectorState::ok);
}

TEST_F(BoardReports, SignalsWithoutAFileAreNamed) {
  copy_board("orin-nano-r36");
  tree_.remove("proc/swaps");
  const CollectorReport report = read("memory");
  const Absence* swap = absent(report, Signal::swap_total_bytes);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->reason, "none");
  EXPECT_EQ(swap->path, "");
  EXPECT_EQ(report.state, CollectorState::ok);

  tree_.write("proc/swaps", "Filename Type Size Used Priority\n");
  const CollectorReport without = read("memory");
  swap = absent(without, Signal::swap_total_bytes);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->reason, "none");
  EXPECT_EQ(swap->path, path_of(tree_, "proc/swaps"));
}

TEST_F(BoardReports, RefusedFilesSayHowToGrantThem) {
  copy_board("orin-nano-r36");
  tree_.write("sys/kernel/debug/bpmp/debug/clk/emc/rate", "(EACCES)");
  const CollectorReport report = read("emc");
  EXPECT_EQ(report.state, CollectorState::partial) << "the peak needs no root";
  for (const Signal signal : {Signal::emc_frequency_hertz, Signal::emc_utilization_ratio}) {
    const Absence* lost = absent(report, signal);
    ASSERT_NE(lost, nullptr);
    EXPECT_EQ(lost->reason, "permission");
    EXPECT_THAT(lost->grant, HasSubstr("CAP_DAC_READ_SEARCH"));
  }
}

TEST_F(BoardReports, FilesThatHangAreLeftOutAndItEndsSoon) {
  copy_board("orin-nano-r36");
  for (const char* file : {"sys/class/thermal/thermal_zone0/temp", "proc/meminfo",
                           "sys/firmware/devicetree/base/model", "sys/class/hwmon/hwmon1/in1_input",
                           "sys/class/hwmon/hwmon1/curr1_input", "sys/class/hwmon/hwmon1/in2_input",
                           "sys/class/hwmon/hwmon1/curr2_input", "sys/class/hwmon/hwmon1/in3_input"})
    tree_.write(file, "(BLOCK)");
  const MonotonicTime before = monotonic_now();
  const BoardReport report = read_board_report(config());
  EXPECT_LT(monotonic_now() - before, 3s);
  for (const CollectorReport& c : report.collectors) {
    if (c.name == "thermal") {
      const Absence* cpu = absent(c, Signal::temperature_celsius, "cpu");
      ASSERT_NE(cpu, nullptr);
      EXPECT_EQ(cpu->reason, "timeout");
      EXPECT_NE(find(c, Signal::temperature_celsius, "tj"), nullptr) << "the other zones are read";
    } else if (c.name == "memory") {
      const Absence* total = absent(c, Signal::memory_total_bytes);
      ASSERT_NE(total, nullptr);
      EXPECT_EQ(total->reason, "timeout");
    } else if (c.name == "rails") {
      EXPECT_EQ(c.state, CollectorState::partial);
      EXPECT_NE(find(c, Signal::rail_current_amperes, "VDD_SOC"), nullptr);
    } else if (c.name == "gpu" || c.name == "cpu" || c.name == "fan") {
      EXPECT_EQ(c.state, CollectorState::ok) << c.name;
    }
  }
}

TEST_F(BoardReports, ASecondReadTellsWhatHappenedSinceTheFirst) {
  copy_board("orin-nano-r36");
  const CollectorReport report = read("throttle");
  const SignalReport* throttled = find(report, Signal::throttled, "", "overcurrent");
  ASSERT_NE(throttled, nullptr);
  EXPECT_EQ(throttled->reading.value, 0);
}

TEST_F(BoardReports, TegrastatsHasTimeForItsFirstLine) {
  tree_.write("tegrastats",
              "#!/bin/sh\nsleep 0.5\necho 'RAM 1/2MB CPU [1%@2] GR3D_FREQ 12% tj@40C'\nsleep 5\n");
  fs::permissions(tree_.path("tegrastats"), fs::perms::owner_all);
  Config config = this->config();
  config.paths.tegrastats = tree_.path("tegrastats");
  config.collectors["tegrastats"] = true;
  const BoardReport report = read_board_report(config, {"tegrastats"});
  const CollectorReport& tegrastats = report.collectors.back();
  ASSERT_EQ(tegrastats.name, "tegrastats");
  ASSERT_NE(find(tegrastats, Signal::gpu_utilization_ratio, "0"), nullptr);
  EXPECT_THAT(sources(tegrastats, Signal::gpu_utilization_ratio, "0"), ElementsAre("tegrastats"));
}

class EveryBoard : public testing::TestWithParam<const char*> {};

TEST_P(EveryBoard, EachReadingHasASourceAndEachSignalIsToldOf) {
  const fs::path root = fs::path(TEGRASCOPE_FIXTURES) / GetParam();
  Config config;
  config.paths = {root / "proc", root / "sys", root, {}};
  const BoardReport report = read_board_report(config);
  for (const CollectorReport& c : report.collectors) {
    for (const SignalReport& s : c.signals)
      EXPECT_FALSE(s.sources.empty())
          << c.name << " " << static_cast<int>(s.reading.signal) << " " << s.reading.instance;
    if (c.state != CollectorState::off) {
      for (const Signal signal : signals_of(c.name)) {
        EXPECT_TRUE(std::any_of(c.signals.begin(), c.signals.end(),
                                [&](const SignalReport& s) { return s.reading.signal == signal; }) ||
                    std::any_of(c.absent.begin(), c.absent.end(),
                                [&](const Absence& a) { return a.signal == signal; }))
            << c.name << " " << signal_info(signal).name;
      }
    }
    for (const ProcessReport& p : c.processes) EXPECT_FALSE(p.sources.empty());
    for (const Absence& a : c.absent) {
      EXPECT_FALSE(a.reason.empty());
      EXPECT_NE(a.reason, "permission");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryBoard,
                         testing::Values("nano-r32", "xavier-nx-r35", "orin-nano-r35", "orin-nano-r36",
                                         "orin-nano-r39", "agx-orin-r36", "agx-thor-r38", "pc-debian12"));

}  // namespace
}  // namespace tegrascope
