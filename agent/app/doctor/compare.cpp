#include "agent/app/doctor/compare.hpp"

#include <algorithm>
#include <cmath>

#include "agent/model/signals.hpp"

namespace tegrascope {
namespace {

struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

Tolerance tolerance_of(Signal signal) {
  switch (signal) {
    case Signal::memory_total_bytes:
    case Signal::swap_total_bytes:
      return {2.0 * 1024 * 1024, 0};  // tegrastats cuts to MiB
    default:
      break;
  }
  switch (signal_info(signal).unit) {
    case Unit::bytes:
      return {128.0 * 1024 * 1024, 0.05};
    case Unit::ratio:
      return {0.25, 0};
    case Unit::hertz:
    case Unit::bytes_per_second:
      return {0, 0.5};  // clocks step
    case Unit::celsius:
      return {3, 0};
    case Unit::watts:
      return {1.0, 0.35};
    case Unit::volts:
      return {0.2, 0.05};
    case Unit::amperes:
      return {0.2, 0.35};
    case Unit::boolean:
      return {0, 0};
    default:
      return {0, 0.1};
  }
}

}  // namespace

bool agree(Signal signal, double a, double b) {
  const Tolerance t = tolerance_of(signal);
  return std::abs(a - b) <= std::max(t.absolute, t.relative * std::max(std::abs(a), std::abs(b)));
}

std::string name_of(const Reading& reading) {
  std::string name(signal_info(reading.signal).name);
  if (!reading.kind.empty()) name += "{" + reading.kind + "}";
  return reading.instance.empty() ? name : name + " " + reading.instance;
}

std::vector<Comparison> compare_tegrastats(const BoardReport& report) {
  std::vector<Comparison> comparisons;
  const auto own = std::find_if(report.collectors.begin(), report.collectors.end(),
                                [](const CollectorReport& c) { return c.name == "tegrastats"; });
  if (own == report.collectors.end()) return comparisons;
  for (const SignalReport& told : own->signals) {
    const Reading& a = told.reading;
    if (signal_info(a.signal).counter) continue;
    for (const CollectorReport& collector : report.collectors) {
      if (&collector == &*own) continue;
      for (const SignalReport& read : collector.signals) {
        const Reading& b = read.reading;
        if (a.signal != b.signal || a.instance != b.instance || a.kind != b.kind) continue;
        comparisons.push_back({a, b, agree(a.signal, a.value, b.value)});
      }
    }
  }
  return comparisons;
}

}  // namespace tegrascope
