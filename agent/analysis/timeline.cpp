#include "agent/analysis/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tegrascope {
namespace {

constexpr std::string_view kStandIn = "tegrastats";
constexpr Nanoseconds kIntegralGap = std::chrono::seconds(3);

// One reading at a time, whose kind says what it is: a new kind takes the old one's place.
bool has_one_kind(Signal signal) { return signal == Signal::nvpmodel_mode; }

}  // namespace

BatchHealth health_of(const Batch& batch) {
  BatchHealth health;
  bool failed = false;
  bool unavailable = false;
  for (const ReadError& error : batch.errors) {
    if (error.reason == ErrorReason::unavailable)
      unavailable = true;
    else if (!std::exchange(failed, true))
      health.error = error.where;
  }
  health.up = !batch.readings.empty() || (!failed && (batch.lists_processes || unavailable));
  return health;
}

std::vector<const Reading*> Timeline::add(const Batch& batch) {
  CollectorStatus& status = collectors_[batch.collector];
  status.name = batch.collector;
  status.absent = batch.absent;
  ++status.samples;
  status.sample_seconds += to_seconds(batch.finished - batch.started);
  status.missed_slots += batch.missed_slots;
  const BatchHealth health = health_of(batch);
  status.up = health.up;
  status.error = health.error;
  status.unavailable = 0;
  for (const ReadError& error : batch.errors) {
    if (error.reason == ErrorReason::unavailable)
      ++status.unavailable;
    else
      ++status.errors[error.reason];
  }

  std::vector<const Reading*> accepted;
  accepted.reserve(batch.readings.size());
  Places& places = places_[batch.collector];
  places.resize(batch.readings.size(), latest_.end());
  auto place = places.begin();
  for (const Reading& reading : batch.readings) {
    Latest& latest = find(reading, *place++);
    const bool other_is_fresh = latest.collector != batch.collector && !latest.collector.empty() &&
                                latest.collector != kStandIn &&
                                reading.at - latest.reading.at < kReadingStaleAfter;
    if (batch.collector == kStandIn && other_is_fresh) continue;
    if (has_one_kind(reading.signal)) forget_other_kinds(reading);
    latest.reading = reading;
    latest.collector = batch.collector;
    if (reading.signal == Signal::rail_averaging_seconds)
      rail_averaging_[reading.instance] = from_seconds(reading.value);
    if (reading.signal == Signal::throttled && reading.kind == "thermal") count_thermal_event(reading);
    if (integrates(reading.signal)) integrate(reading);
    if (reading.signal == Signal::rail_energy_joules) count(reading);
    accepted.push_back(&reading);
  }
  return accepted;
}

// A collector tells its sensors in the same order each time: where a reading went last time, the next one goes.
Timeline::Latest& Timeline::find(const Reading& reading, Place& place) {
  const bool known = place != latest_.end() && std::get<0>(place->first) == reading.signal &&
                     std::get<1>(place->first) == reading.instance &&
                     std::get<2>(place->first) == reading.kind;
  if (!known) place = latest_.try_emplace({reading.signal, reading.instance, reading.kind}).first;
  return place->second;
}

bool Timeline::integrates(Signal signal) {
  return signal == Signal::rail_power_watts || signal == Signal::emc_utilization_ratio ||
         signal == Signal::emc_bytes_per_second || signal == Signal::throttled;
}

void Timeline::integrate(const Reading& reading) {
  Integral& series = integrals_[{reading.signal, reading.instance, reading.kind}];
  if (series.counter) return;
  if (series.started && reading.at > series.at && reading.at - series.at <= kIntegralGap) {
    const Nanoseconds span = reading.at - series.at;
    const auto averaging = rail_averaging_.find(reading.instance);
    const bool averaged = reading.signal == Signal::rail_power_watts && averaging != rail_averaging_.end() &&
                          averaging->second > Nanoseconds::zero();
    // A rail may read slightly below zero; its integral, a counter, must not fall.
    const double mean = averaged ? unaveraged_mean_watts(series.value, reading.value, span, averaging->second)
                                 : std::max((series.value + reading.value) / 2, 0.0);
    series.sum.add(mean * to_seconds(span));
  }
  series.at = reading.at;
  series.value = reading.value;
  series.started = true;
}

// The first sample counts for nothing: since when, nobody knows.
void Timeline::count_thermal_event(const Reading& reading) {
  if (!thermal_events_) thermal_events_ = 0;
  const Integral& before = integrals_[{reading.signal, reading.instance, reading.kind}];
  if (before.started && before.value == 0 && reading.value > 0) ++*thermal_events_;
}

void Timeline::count(const Reading& reading) {
  Integral& series = integrals_[{Signal::rail_power_watts, reading.instance, ""}];
  // A counter below its last value has begun anew, at a time that nobody knows.
  if (series.counter && reading.value > *series.counter) series.sum.add(reading.value - *series.counter);
  series.counter = reading.value;
}

void Timeline::forget_other_kinds(const Reading& reading) {
  const auto forgotten = std::erase_if(latest_, [&](const auto& entry) {
    const auto& [signal, instance, kind] = entry.first;
    return signal == reading.signal && instance == reading.instance && kind != reading.kind;
  });
  if (forgotten == 0) return;
  for (auto& [collector, places] : places_) std::fill(places.begin(), places.end(), latest_.end());
}

std::map<std::string, double> Timeline::integral(Signal signal) const {
  std::map<std::string, double> out;
  for (const auto& [key, series] : integrals_)
    if (std::get<0>(key) == signal) out[std::get<2>(key)] = series.sum.value();
  return out;
}

std::vector<Reading> Timeline::fresh(MonotonicTime now) const {
  std::vector<Reading> out;
  out.reserve(latest_.size());
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
  for (const auto& [key, series] : integrals_)
    if (std::get<0>(key) == Signal::rail_power_watts)
      out[std::get<1>(key)] = static_cast<std::int64_t>(std::llround(series.sum.value() * 1e9));
  return out;
}

}  // namespace tegrascope
