#include "agent/model/signals.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tegrascope {
namespace {

std::vector<Signal> all_signals() {
  std::vector<Signal> signals;
  for (std::size_t i = 0; i < kSignals; ++i) signals.push_back(static_cast<Signal>(i));
  return signals;
}

TEST(Signals, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Signal signal : all_signals()) {
    const SignalInfo& info = signal_info(signal);
    EXPECT_EQ(info.signal, signal);
    EXPECT_EQ(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  }
  EXPECT_EQ(signal_info(Signal::rail_power_watts).name, "rail_power_watts");
  EXPECT_EQ(signal_info(Signal::boot_time_seconds).name, "boot_time_seconds");
}

TEST(Signals, TheUnitIsTheOneInTheName) {
  for (const Signal signal : all_signals()) {
    const auto& [same, name, unit, counter] = signal_info(signal);
    const std::string_view word = to_string(unit);
    if (unit == Unit::boolean || unit == Unit::count || unit == Unit::number) {
      for (const char* other : {"_seconds", "_bytes", "_hertz", "_celsius", "_watts", "_ratio"})
        EXPECT_FALSE(name.ends_with(other)) << name;
    } else {
      EXPECT_TRUE(name.ends_with(unit == Unit::unix_seconds ? "_time_seconds" : word)) << name << " " << word;
    }
  }
}

TEST(Signals, CountersAreThoseOfTheKernelAndOfSensors) {
  std::set<std::string_view> counters;
  for (const Signal signal : all_signals())
    if (signal_info(signal).counter) counters.insert(signal_info(signal).name);
  EXPECT_EQ(counters, (std::set<std::string_view>{"cpu_seconds", "memory_stalled_seconds", "oom_kills",
                                                  "rail_energy_joules", "swap_in_bytes", "swap_out_bytes",
                                                  "throttle_events", "self_cpu_seconds"}));
}

}  // namespace
}  // namespace tegrascope
