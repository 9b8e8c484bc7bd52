// What is not shown of hardware that is powered off. Pure.
#pragma once

#include <algorithm>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

// A GPU that is powered off has no clock and no load to show. That it does no work is known all the same, and is
// what the attribution and the verdict take from it.
inline bool is_of_gated_gpu(const Reading& reading, const std::vector<Reading>& all) {
  if (reading.signal != Signal::gpu_utilization_ratio && reading.signal != Signal::gpu_frequency_hertz)
    return false;
  return std::any_of(all.begin(), all.end(), [&](const Reading& other) {
    return other.signal == Signal::gpu_railgated && other.instance == reading.instance && other.value != 0;
  });
}

}  // namespace tegrascope
