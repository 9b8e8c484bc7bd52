// The faults of real sensors.
#include "simulator/virtual/sensors.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "simulator/virtual/world.hpp"

namespace tegrascope::simulator {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Nanoseconds t) { return MonotonicTime{t}; }

VirtualScenario monitor(int samples, double noise = 0) {
  VirtualScenario s;
  s.averaging_samples = samples;
  s.noise_watts = noise;
  return s;
}

// 5 W until 1 s, then 13 W until `end`.
PowerHistory step(Nanoseconds end) {
  PowerHistory history;
  history.add({at(0s), at(1s), 5'000'000, {}, 0});
  history.add({at(1s), at(end), 13'000'000, {}, 1});
  return history;
}

TEST(PowerMonitor, ShowsTheLastLookInStepsOf40Milliwatts) {
  PowerMonitor chip(monitor(1), 1);
  PowerHistory history;
  history.add({at(0s), at(1s), 5'013'000, {}, 0});
  history.add({at(1s), at(2s), 13'000'000, {}, 0});
  EXPECT_NEAR(chip.read(history, at(500ms)), 5.0, 1e-9);
  // The cycle that begins at 1.0032 s is the first to see the step; its look is over 1.1 ms later.
  EXPECT_NEAR(chip.read(history, at(1004ms)), 5.0, 1e-9);
  EXPECT_NEAR(chip.read(history, at(1005ms)), 13.0, 1e-9);
}

TEST(PowerMonitor, AveragingIsAFirstOrderLag) {
  PowerMonitor chip(monitor(512), 1);
  EXPECT_NEAR(chip.averaging_seconds(), 3.3792, 1e-9);
  for (double seconds : {1.0, 3.0, 8.0}) {
    PowerMonitor fresh(monitor(512), 1);
    const PowerHistory history = step(from_seconds(1 + seconds));
    const double expected = 13 - 8 * std::exp(-seconds / 3.3792);
    EXPECT_NEAR(fresh.read(history, at(from_seconds(1 + seconds))), expected, 0.04) << seconds;
  }
}

TEST(PowerMonitor, AveragingInPiecesIsAveragingAtOnce) {
  PowerMonitor chip(monitor(512), 1);
  PowerHistory history;
  history.add({at(0s), at(1s), 5'000'000, {}, 0});
  chip.advance(history);
  history.add({at(1s), at(1500ms), 13'000'000, {}, 0});
  chip.advance(history);
  history.forget_before(at(1s));
  history.add({at(1500ms), at(4s), 13'000'000, {}, 0});
  PowerMonitor whole(monitor(512), 1);
  EXPECT_NEAR(chip.read(history, at(4s)), whole.read(step(4s), at(4s)), 1e-9);
}

const Reading* find(const std::vector<Batch>& batches, Signal signal) {
  for (const Batch& batch : batches)
    for (const Reading& reading : batch.readings)
      if (reading.signal == signal) return &reading;
  return nullptr;
}

TEST(VirtualSensors, AMissingSensorIsAnErrorAFrozenOneTheSameAgainASilentOneNothing) {
  VirtualWorld world(
      parse_scenario(R"({"sensors": {"noise_watts": 0.3}, "traffic": [{"users": 1}], "faults": [
    {"at_s": 10, "for_s": 10, "kind": "missing"}, {"at_s": 30, "for_s": 10, "kind": "frozen"},
    {"at_s": 50, "for_s": 10, "sensor": "all", "kind": "silent"}]})"),
      1);
  const auto sample = [&](Nanoseconds t) {
    world.advance(at(t));
    return world.sample(at(t), true);
  };
  EXPECT_NE(find(sample(5s), Signal::board_power_watts), nullptr);
  const auto missing = sample(15s);
  EXPECT_EQ(find(missing, Signal::board_power_watts), nullptr);
  EXPECT_NE(find(missing, Signal::gpu_utilization_ratio), nullptr);
  const auto last = sample(29s);
  for (Nanoseconds t : {31s, 35s, 39s})
    EXPECT_EQ(find(sample(t), Signal::board_power_watts)->value,
              find(last, Signal::board_power_watts)->value);
  EXPECT_TRUE(sample(55s).empty());
  EXPECT_EQ(sample(65s).size(), 5u);
}

TEST(VirtualSensors, CpuTimeComesInTicks) {
  VirtualWorld world(parse_scenario(R"({"lead_in_s": 1, "traffic": [{"users": 1, "pause_s": 0}]})"), 1);
  for (int i = 1; i < 200; ++i) {
    const Nanoseconds t = i * 137ms;
    world.advance(at(t));
    for (const Batch& batch : world.sample(at(t), true))
      for (const ProcessReading& process : batch.processes)
        EXPECT_EQ(process.cpu_time->count() % 10'000'000, 0);
  }
}

}  // namespace
}  // namespace tegrascope::simulator
