// Attribution's own half that outlives a run.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

constexpr const char* kPhaseWatts = "phase_watts";  // above idle, of a request alone
constexpr const char* kContextFit = "context_fit";  // w, x, y, xx, xy, yy, requests
constexpr const char* kPasses =
    "decode_passes";  // groups of: decoders, passes, joules, seconds, context tokens
constexpr const char* kPhasePower = "phase_power";

void append(const char* kind, const PhaseHistory& history, std::vector<LearnedSeries>& out) {
  for (const auto& [key, values] : history.seen()) {
    const auto& [model, phase] = key;
    out.push_back({kind, model.server, model.model, phase, {values.begin(), values.end()}});
  }
}

constexpr std::size_t kFitValues = 7;
constexpr std::size_t kPassValues = 5;

void append(const UnitCosts& costs, std::vector<LearnedSeries>& out) {
  append(kPhaseWatts, costs.phase_watts(), out);
  for (const auto& [model, cost] : costs.decode_costs()) {
    const ContextFit& f = cost.fit;
    out.push_back({kContextFit,
                   model.server,
                   model.model,
                   Phase::decode,
                   {f.w, f.x, f.y, f.xx, f.xy, f.yy, f.requests}});
    std::vector<double> passes;
    for (const auto& [decoders, p] : cost.passes) {
      const auto b = static_cast<double>(decoders);
      passes.insert(passes.end(), {b, p.passes, p.joules, p.seconds, p.context_tokens});
    }
    out.push_back({kPasses, model.server, model.model, Phase::decode, std::move(passes)});
  }
}

bool amounts(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v) && v >= 0; });
}

// What of the saved series belongs to decode costs; damaged ones are left out.
std::map<ModelKey, DecodeCost> decode_costs(const std::vector<LearnedSeries>& series) {
  std::map<ModelKey, DecodeCost> out;
  for (const LearnedSeries& s : series) {
    const std::vector<double>& v = s.values;
    if (!amounts(v)) continue;
    if (s.kind == kContextFit && v.size() == kFitValues)
      out[{s.server, s.model}].fit = {v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    if (s.kind != kPasses || v.size() % kPassValues != 0) continue;
    for (auto p = v.begin(); p != v.end(); p += kPassValues) {
      if (p[0] >= 1 && p[0] <= 1000 && p[3] > 0)
        out[{s.server, s.model}].passes[static_cast<int>(p[0])] = {p[1], p[2], p[3], p[4]};
    }
  }
  return out;
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
  const bool learned_own = !costs_.empty() || !phase_power_.seen().empty();
  if (restored_ && !learned_own) {
    // Its power mode has not come back yet: kept as it was.
    out.power_mode = restored_->power_mode;
    out.clocks_locked = restored_->clocks_locked;
    out.series = restored_->series;
    return out;
  }
  out.power_mode = idle_key_.power_mode;
  out.clocks_locked = idle_key_.clocks_locked;
  append(costs_, out.series);
  append(kPhasePower, phase_power_, out.series);
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
  const std::array<std::pair<const char*, PhaseHistory*>, 2> histories{
      {{kPhaseWatts, &costs_.phase_watts()}, {kPhasePower, &phase_power_}}};
  for (const LearnedSeries& s : restored_->series) {
    for (const auto& [kind, history] : histories) {
      if (s.kind == kind) history->restore({s.server, s.model}, s.phase, s.values);
    }
  }
  for (const auto& [model, cost] : decode_costs(restored_->series)) costs_.restore(model, cost);
  restored_.reset();
}

}  // namespace tegrascope
