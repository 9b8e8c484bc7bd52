#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "collectors/collector.hpp"
#include "collectors/jetson/board.hpp"
#include "tests/support/readings.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::count;
using test::value;
using testing::DoubleEq;
using testing::Optional;

std::map<std::string, Batch> collect_all(const HostPaths& paths) {
  std::map<std::string, Batch> batches;
  for (const CollectorInfo& info : builtin_collectors()) {
    if (!info.on_by_default) continue;
    const auto collector = info.make(paths);
    EXPECT_EQ(collector->name(), info.name);
    batches[std::string(info.name)] = collect(*collector, monotonic_now());
  }
  return batches;
}

TEST(Registry, NamesAndPeriods) {
  std::vector<std::string> names;
  for (const CollectorInfo& info : builtin_collectors()) {
    names.emplace_back(info.name);
    const bool every_slot =
        info.name == "processes" || info.name == "gpu" || info.name == "rails" || info.name == "nvml";
    const bool slow = info.name == "self" || info.name == "nvpmodel" || info.name == "pressure" ||
                      info.name == "engines" || info.name == "thermal" || info.name == "fan";
    EXPECT_EQ(info.period, every_slot ? 0ms : slow ? 3000ms : 1000ms) << info.name;
    EXPECT_EQ(info.on_by_default, info.name != "tegrastats" && info.name != "nvml") << info.name;
    EXPECT_EQ(info.make_auto != nullptr, !info.on_by_default) << info.name;
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("cpu", "memory", "pressure", "processes", "self", "gpu",
                                                   "emc", "engines", "rails", "thermal", "cooling",
                                                   "throttle", "fan", "nvpmodel", "nvml", "tegrastats"));
}

TEST(Registry, OrinNanoFixture) {
  const std::filesystem::path root = TEGRASCOPE_FIXTURES "/orin-nano-r36";
  const HostPaths paths{root / "proc", root / "sys", root, {}};
  auto batches = collect_all(paths);
  for (const auto& [name, batch] : batches) {
    EXPECT_FALSE(batch.absent) << name;
    for (const ReadError& error : batch.errors)  // zones of blocks that are powered off
      EXPECT_EQ(error.reason, ErrorReason::unavailable) << name << ": " << error.where;
  }

  std::map<Signal, std::size_t> counts;
  for (const auto& [name, batch] : batches)
    for (const Reading& reading : batch.readings) ++counts[reading.signal];
  const std::map<Signal, std::size_t> expected{{Signal::cpu_seconds, 6 * 8},
                                               {Signal::cpu_online, 6},
                                               {Signal::cpu_frequency_hertz, 6},
                                               {Signal::boot_time_seconds, 1},
                                               {Signal::memory_total_bytes, 1},
                                               {Signal::memory_available_bytes, 1},
                                               {Signal::memory_bytes, 5},
                                               {Signal::swap_total_bytes, 1},
                                               {Signal::swap_used_bytes, 1},
                                               {Signal::gpu_utilization_ratio, 1},
                                               {Signal::gpu_frequency_hertz, 1},
                                               {Signal::gpu_frequency_max_hertz, 1},
                                               {Signal::rail_voltage_volts, 3},
                                               {Signal::rail_current_amperes, 3},
                                               {Signal::rail_power_watts, 3},
                                               {Signal::board_power_watts, 1},
                                               {Signal::temperature_celsius, 6},
                                               {Signal::self_cpu_seconds, 1},
                                               {Signal::self_resident_bytes, 1},
                                               {Signal::self_virtual_bytes, 1},
                                               {Signal::self_open_fds, 1},
                                               {Signal::self_max_fds, counts[Signal::self_max_fds]},
                                               {Signal::self_start_time_seconds, 1},
                                               {Signal::cpu_frequency_max_hertz, 6},
                                               {Signal::memory_largest_free_block_bytes, 1},
                                               {Signal::memory_stalled_seconds, 2},
                                               {Signal::oom_kills, 1},
                                               {Signal::swap_in_bytes, 1},
                                               {Signal::swap_out_bytes, 1},
                                               {Signal::gpu_railgated, 1},
                                               {Signal::emc_utilization_ratio, 1},
                                               {Signal::emc_frequency_hertz, 1},
                                               {Signal::emc_bytes_per_second, 1},
                                               {Signal::emc_peak_bytes_per_second, 1},
                                               {Signal::engine_on, 8},
                                               {Signal::engine_frequency_hertz, 2},
                                               {Signal::rail_averaging_seconds, 3},
                                               {Signal::board_averaging_seconds, 1},
                                               {Signal::temperature_trip_celsius, 18},
                                               {Signal::cooling_state, 7},
                                               {Signal::cooling_max_state, 7},
                                               {Signal::throttled, 2},
                                               {Signal::throttle_events, 3},
                                               {Signal::fan_duty_ratio, 1},
                                               {Signal::fan_speed_rpm, 1},
                                               {Signal::nvpmodel_mode, 1},
                                               {Signal::clocks_locked, 1}};
  EXPECT_EQ(counts, expected);

  EXPECT_THAT(value(batches["gpu"], Signal::gpu_utilization_ratio, "0"), Optional(0.9));
  EXPECT_THAT(value(batches["rails"], Signal::board_power_watts, "", "input_rail"),
              Optional(DoubleEq(4.78464)));
  EXPECT_THAT(value(batches["thermal"], Signal::temperature_celsius, "tj"), Optional(51.187));
  EXPECT_THAT(value(batches["memory"], Signal::memory_bytes, "", "gpu"), Optional(4505600 * 1024.0));
  ASSERT_EQ(batches["processes"].processes.size(), 2u);
  EXPECT_EQ(batches["processes"].processes[1].serve_pid, 812);
  EXPECT_EQ(batches["processes"].processes[1].cpu_time, Nanoseconds(57'100ms));

  const auto board = read_board(paths);
  EXPECT_EQ(board->soc, "tegra234");
  EXPECT_EQ(board->jetpack, "6.2.1");
}

// Whatever machine this is: CPU and memory are there, and nothing fails.
TEST(Registry, ThisMachine) {
  if (read_board({})->jetson) GTEST_SKIP() << "runs on a Jetson, where gpu and rails are present";
  auto batches = collect_all({});
  EXPECT_GE(count(batches["cpu"], Signal::cpu_seconds), 8u);
  EXPECT_EQ(count(batches["cpu"], Signal::boot_time_seconds), 1u);
  double kinds = 0;
  for (const Reading& reading : batches["memory"].readings)
    if (reading.signal == Signal::memory_bytes) kinds += reading.value;
  EXPECT_THAT(value(batches["memory"], Signal::memory_total_bytes), Optional(kinds));
  EXPECT_TRUE(batches["processes"].lists_processes);
  EXPECT_TRUE(batches["gpu"].absent);
  EXPECT_TRUE(batches["gpu"].readings.empty());
  EXPECT_TRUE(batches["rails"].absent);
  EXPECT_TRUE(batches["rails"].readings.empty());
  EXPECT_TRUE(batches["cpu"].errors.empty());
  EXPECT_TRUE(batches["memory"].errors.empty());
}

TEST(Registry, AnEmptyTreeGivesNothingFalse) {
  const std::filesystem::path root = TEGRASCOPE_FIXTURES "/no-such-tree";
  for (const auto& [name, batch] : collect_all({root / "proc", root / "sys", root, {}})) {
    if (name == "self") continue;
    EXPECT_TRUE(batch.readings.empty()) << name;
    EXPECT_FALSE(batch.lists_processes) << name;
  }
}

}  // namespace
}  // namespace tegrascope
