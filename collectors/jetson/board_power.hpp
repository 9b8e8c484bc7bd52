// The power of the whole module out of its rails: the one rule for sysfs and tegrastats. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

struct RailPower {
  std::string_view name;        // as the board spells it
  std::optional<double> watts;  // empty: the rail exists and could not be read this time
  MonotonicTime at{};
  // Time constant of the sensor's running average; 0: it makes none; absent: nobody tells.
  std::optional<double> averaging_seconds{};
};

struct BoardPower {
  double watts = 0;
  std::string_view kind;  // "input_rail" or "rail_sum", the kind of Signal::board_power_watts
  MonotonicTime at{};
  // Of its parts, when they have the same; absent when one of them does not tell; else 0, and then nothing is undone in the board's energy (in each rail's
  // own it is). One time constant for the sum would book joules that never flowed whenever a setting changes.
  std::optional<double> averaging_seconds{};
};

// input_rail: the rail that feeds the module (VDD_IN, POM_5V_IN on Nano, VIN on Thor).
// rail_sum:   AGX Orin measures no input (jetson_stats#344). Its VDD_GPU_SOC, VDD_CPU_CV, VIN_SYS_5V0 and,
// where the
//             board shows it, VDDQ_VDD2_1V8AO are fed side by side, so their sum counts each watt once;
//             losses before them are not in it.
// Nothing on other boards, and nothing when a rail it needs could not be read: a partial sum would be a lie.
std::optional<BoardPower> board_power(const std::vector<RailPower>& rails);

// The rails that board_power() counts, of those that are there.
std::vector<std::string_view> board_power_rails(const std::vector<RailPower>& rails);

}  // namespace tegrascope
