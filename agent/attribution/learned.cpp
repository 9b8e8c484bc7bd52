// Attribution's own half that outlives a run.
#include <array>
#include <cmath>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

constexpr const char* kUnitCost = "unit_cost";
constexpr const char* kPhasePower = "phase_power";
constexpr const char* kTokenRate = "token_rate";

void append(const char* kind, const PhaseHistory& history, std::vector<LearnedSeries>& out) {
  for (const auto& [key, values] : history.seen()) {
    const auto& [model, phase] = key;
    out.push_back({kind, model.server, model.model, phase, {values.begin(), values.end()}});
  }
}

bool sound(const LearnedBaseline& b) { return std::isfinite(b.watts) && b.watts > 0 && b.age_ns >= 0; }

}  // namespace

LearnedState Attribution::learned(MonotonicTime now) const {
  LearnedState out;
  for (const auto& [key, power] : baseline_.powers()) {
    if (const auto watts = power.watts(now))
      out.baselines.push_back({key.power_mode, key.clocks_locked, key.model_resident, key.temperature_decade,
                               *watts, (now - power.last()).count()});
  }
  out.idle_cores = idle_cores_;
  const bool learned_own = !costs_.seen().empty() || !phase_power_.seen().empty() || !rates_.seen().empty();
  if (restored_ && !learned_own) {
    // Its power mode has not come back yet: kept as it was.
    out.power_mode = restored_->power_mode;
    out.clocks_locked = restored_->clocks_locked;
    out.series = restored_->series;
    return out;
  }
  out.power_mode = idle_key_.power_mode;
  out.clocks_locked = idle_key_.clocks_locked;
  append(kUnitCost, costs_, out.series);
  append(kPhasePower, phase_power_, out.series);
  append(kTokenRate, rates_, out.series);
  return out;
}

void Attribution::restore(const LearnedState& learned, MonotonicTime now) {
  for (const LearnedBaseline& b : learned.baselines) {
    if (sound(b))
      baseline_.restore({b.power_mode, b.clocks_locked, b.model_resident, b.temperature_decade}, b.watts,
                        now - Nanoseconds(b.age_ns));
  }
  if (std::isfinite(learned.idle_cores) && learned.idle_cores >= 0) idle_cores_ = learned.idle_cores;
  if (learned.series.empty()) return;
  restored_ = learned;
  adopt_restored();
}

void Attribution::adopt_restored() {
  if (restored_->power_mode != idle_key_.power_mode || restored_->clocks_locked != idle_key_.clocks_locked)
    return;
  const std::array<std::pair<const char*, PhaseHistory*>, 3> histories{
      {{kUnitCost, &costs_}, {kPhasePower, &phase_power_}, {kTokenRate, &rates_}}};
  for (const LearnedSeries& s : restored_->series) {
    for (const auto& [kind, history] : histories) {
      if (s.kind == kind) history->restore({s.server, s.model}, s.phase, s.values);
    }
  }
  restored_.reset();
}

}  // namespace tegrascope
