// Looking into batches.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "agent/model/reading.hpp"
#include "collectors/collector.hpp"

namespace tegrascope::test {

// The one reading of that series; nothing when there is none, or more than one.
inline std::optional<double> value(const Batch& batch, Signal signal, std::string_view instance = {},
                                   std::string_view kind = {}) {
  std::optional<double> found;
  for (const Reading& reading : batch.readings) {
    if (reading.signal != signal || reading.instance != instance || reading.kind != kind) continue;
    if (found) return std::nullopt;
    found = reading.value;
  }
  return found;
}

inline std::size_t count(const Batch& batch, Signal signal) {
  return static_cast<std::size_t>(std::count_if(batch.readings.begin(), batch.readings.end(),
                                                [signal](const Reading& r) { return r.signal == signal; }));
}

// One collect() in a slot that starts at `now`.
inline Batch collect(Collector& collector, MonotonicTime now = MonotonicTime{std::chrono::seconds{1000}}) {
  Batch batch;
  batch.collector = collector.name();
  batch.started = now;
  collector.collect(batch);
  return batch;
}

}  // namespace tegrascope::test
