#include "agent/analysis/timeline.hpp"

#include <cmath>

namespace tegrascope {
namespace {

constexpr std::string_view kStandIn = "tegrastats";
constexpr Nanoseconds kRailGap = std::chrono::seconds(3);

}  // namespace

std::vector<Reading> Timeline::add(const Batch& batch) {
  CollectorStatus& status = collectors_[batch.collector];
  status.name = batch.collector;
  status.absent = batch.absent;
  status.up = !batch.readings.empty() || (batch.lists_processes && batch.errors.empty());
  ++status.samples;
  status.sample_seconds += to_seconds(batch.finished - batch.started);
  status.missed_slots += batch.missed_slots;
  status.error = batch.errors.empty() ? std::string() : batch.errors.front().where;
  for (const ReadError& error : batch.errors) ++status.errors[error.reason];

  std::vector<Reading> accepted;
  for (const Reading& reading : batch.readings) {
    Latest& latest = latest_[{reading.signal, reading.instance, reading.kind}];
    const bool other_is_fresh = latest.collector != batch.collector && !latest.collector.empty() &&
                                latest.collector != kStandIn &&
                                reading.at - latest.reading.at < kReadingStaleAfter;
    if (batch.collector == kStandIn && other_is_fresh) continue;
    latest.reading = reading;
    latest.collector = batch.collector;
    if (reading.signal == Signal::rail_power_watts) integrate_rail(reading);
    accepted.push_back(reading);
  }
  return accepted;
}

void Timeline::integrate_rail(const Reading& reading) {
  Integral& rail = rails_[reading.instance];
  if (rail.started && reading.at > rail.at && reading.at - rail.at <= kRailGap) {
    // A rail may read slightly below zero; its integral, a counter, must not fall.
    const double mean = std::max((rail.watts + reading.value) / 2, 0.0);
    rail.nanojoules += mean * to_seconds(reading.at - rail.at) * 1e9;
  }
  rail.at = reading.at;
  rail.watts = reading.value;
  rail.started = true;
}

std::vector<Reading> Timeline::fresh(MonotonicTime now) const {
  std::vector<Reading> out;
  for (const auto& [key, latest] : latest_) {
    if (now - latest.reading.at < kReadingStaleAfter) out.push_back(latest.reading);
  }
  return out;
}

std::vector<CollectorStatus> Timeline::collectors() const {
  std::vector<CollectorStatus> out;
  for (const auto& [name, status] : collectors_) out.push_back(status);
  return out;
}

std::map<std::string, std::int64_t> Timeline::rail_energy_nj() const {
  std::map<std::string, std::int64_t> out;
  for (const auto& [rail, integral] : rails_)
    out[rail] = static_cast<std::int64_t>(std::llround(integral.nanojoules));
  return out;
}

}  // namespace tegrascope
