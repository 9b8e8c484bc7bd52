// tegrastats against the kernel's files: what both tell should be the same. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/app/board_report.hpp"

namespace tegrascope {

struct Comparison {
  Reading tegrastats;
  Reading sysfs;
  bool agrees = false;
};

// Each signal that the collector tegrastats read and another one as well, with the same instance and kind. They were read
// up to seconds apart, so what moves fast (loads, clocks, power) may differ more than what does not.
std::vector<Comparison> compare_tegrastats(const BoardReport& report);

// How far two readings of the signal may lie apart and agree, given both values.
bool agree(Signal signal, double a, double b);

// "gpu_utilization_ratio 0"
std::string name_of(const Reading& reading);

}  // namespace tegrascope
