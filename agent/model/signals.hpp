// Name and unit of every Signal: the one table for whoever prints readings.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/model/reading.hpp"

namespace tegrascope {

// What Reading::value counts. to_string() is the spelling in JSON.
enum class Unit : std::uint8_t {
  seconds,
  unix_seconds,  // a point in time
  bytes,
  bytes_per_second,
  hertz,
  celsius,
  volts,
  amperes,
  watts,
  joules,
  ratio,    // 0 to 1
  rpm,      // revolutions per minute
  boolean,  // 0 or 1
  count,
  number  // a step or a mode: neither a sum nor a mean means anything
};

struct SignalInfo {
  Signal signal{};
  std::string_view name;  // as the enumerator is spelled
  Unit unit{};
  bool counter = false;  // only its increase between two readings means something
};

inline constexpr std::size_t kSignals = static_cast<std::size_t>(Signal::boot_time_seconds) + 1;

const SignalInfo& signal_info(Signal signal);
std::string_view to_string(Unit unit);

}  // namespace tegrascope
