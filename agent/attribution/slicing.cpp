// Attribution's own half: from sensor curves to slices of integers.
#include <algorithm>
#include <cmath>
#include <limits>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

// How far what stands in for a phase may be off, relative.
constexpr double kLeastSpread = 0.01;
constexpr double kUnknownSpread = 0.15;
constexpr double kNoPriorSpread = 0.35;
// Work between two samples of an idle board draws a multiple of what they show.
constexpr double kHiddenWorkSpread = 1.0;
constexpr double kNearIdle = 1.3;
constexpr Nanoseconds kQuietBeforeBaseline = std::chrono::seconds(10);
constexpr Nanoseconds kCpuWindow = std::chrono::seconds(1);
constexpr double kIdleCoresOver = 60;    // seconds of idle that the mean of its CPU time covers
constexpr double kQuietCpuShare = 0.10;  // of all cores
constexpr double kQuietGpuLoad = 0.02;
constexpr double kQuietRunnerCores = 0.02;
constexpr double kBusyRunnerCores = 0.10;

// Rounds `exact` and keeps what rounding took or gave, so that a running sum stays within one unit of the
// exact one.
std::int64_t round_with_carry(double exact, double& carry) {
  const double wanted = exact + carry;
  const double rounded = std::max(std::round(wanted), 0.0);
  carry = wanted - rounded;
  return static_cast<std::int64_t>(rounded);
}

}  // namespace

// Of a time without a sample between two changes of load: what the one request that worked then usually
// draws in its phase.
std::optional<Attribution::StandIn> Attribution::stand_in(MonotonicTime t) const {
  std::optional<StandIn> out;
  for (const auto& [id, request] : requests_) {
    PhaseAt at = phase_at(request, t);
    const bool before_first =
        request.seen.first_content && t >= request.seen.started && t < *request.seen.first_content;
    if (!at.known && before_first) at = {true, Phase::prefill};
    if (at.known && (!at.phase || *at.phase == Phase::queue)) continue;
    if (!at.known || out) return std::nullopt;
    if (const auto watts = phase_power_.typical(request.model, *at.phase)) {
      const double spread = phase_power_.spread(request.model, *at.phase).value_or(0);
      out = {*watts, std::max(spread, kLeastSpread * *watts)};
      continue;
    }
    // A phase that was never hit: the model's other phases are nearer to it than an idle board is.
    for (const Phase other : {Phase::decode, Phase::prefill, Phase::unknown}) {
      if (out || *at.phase == Phase::load) continue;
      if (const auto watts = phase_power_.typical(request.model, other))
        out = {*watts, kUnknownSpread * *watts};
    }
    if (!out) return std::nullopt;
  }
  return out;
}

void Attribution::close_slice(MonotonicTime begin, MonotonicTime end) {
  const double seconds = to_seconds(end - begin);
  const std::span<const MonotonicTime> edges = options_.hold_power_at_edges
                                                   ? std::span<const MonotonicTime>(boundaries_)
                                                   : std::span<const MonotonicTime>();
  auto watts = sensors_.power().mean_between_samples(begin, end, edges);
  const bool imputed = watts && sensors_.power().unsampled(begin, end, edges);
  std::optional<StandIn> guess;
  if (imputed) {
    if (options_.learn_phase_power) guess = stand_in(begin + (end - begin) / 2);
    if (guess) watts = guess->watts;
  }
  const auto gpu_load = sensors_.gpu().mean_between_samples(begin, end, {});

  Slice slice;
  slice.begin = begin;
  slice.end = end;
  slice.energy_known = watts.has_value();
  slice.imputed = imputed;
  if (imputed) {
    const bool idle_neighbours = *watts < kNearIdle * idle_watts().value_or(*watts);
    slice.guess_watts =
        guess ? guess->error_watts : (idle_neighbours ? kHiddenWorkSpread : kNoPriorSpread) * *watts;
  } else if (watts) {
    slice.rests_on = sensors_.power().weights(begin, end, edges);
  }
  slice.gpu_known = gpu_load.has_value();
  for (const auto& [id, curve] : sensors_.runners()) {
    if (const auto cpu = curve.growth(begin, end); cpu && cpu->count() > 0) {
      slice.runner_cpu_ns.emplace_back(id, cpu->count());
    }
  }
  std::vector<OpenRequest*> open;
  for (auto& [id, request] : requests_) {
    if (request.seen.started >= end || (request.closed && request.seen.ended <= begin)) continue;
    slice.open.push_back(id);
    open.push_back(&request);
  }
  slice.no_prior = imputed && !guess;
  if (!slice.open.empty()) last_active_ = end;
  (slice.energy_known ? coverage_.measured : coverage_.gap) += end - begin;
  ++coverage_.slices;

  // A mean below zero is an offset of the sensor, but where averaging is undone: there the carry gives it back.
  const double least_watts = sensors_.power().averaged() ? -std::numeric_limits<double>::infinity() : 0.0;
  const std::int64_t energy_nj =
      watts ? round_with_carry(std::max(*watts, least_watts) * seconds * 1e9, energy_carry_nj_) : 0;
  const std::int64_t gpu_ns =
      gpu_load ? round_with_carry(std::clamp(*gpu_load, 0.0, 1.0) * seconds * 1e9, gpu_carry_ns_) : 0;
  split_activity(slice, energy_nj, gpu_ns);
  if (slice.open.empty()) learn_baseline(slice);

  for (OpenRequest* request : open) {
    note_slice(slice, *request);
    ++request->waiting_slices;
  }
  ledger_.measure(energy_nj, slice.energy_known, gpu_ns, slice.gpu_known);
  pending_.push_back(std::move(slice));
}

// What a slice tells of a request that was open in it, beside its amounts.
void Attribution::note_slice(const Slice& slice, OpenRequest& request) {
  const MonotonicTime from = std::max(slice.begin, request.seen.started);
  const MonotonicTime to = request.closed ? std::min(slice.end, request.seen.ended) : slice.end;
  const Nanoseconds time = std::max(to - from, Nanoseconds::zero());
  request.energy_seen = request.energy_seen || slice.energy_known;
  request.gpu_seen = request.gpu_seen || slice.gpu_known;
  request.gap = request.gap || (!slice.energy_known && time > Nanoseconds::zero());
  request.imputed = request.imputed || slice.imputed;
  if (slice.no_prior) request.unknown_time += time;
  if (slice.energy_known) request.covered += time;
  request.others_nj += slice.other_nj;
  request.ollama_nj += slice.ollama_nj;
}

// Cores that neither Ollama nor the idle board kept busy. Clock ticks of 10 ms are too coarse for a slice of 100 ms: what
// is below zero in one would not make up for what is above in the next.
double Attribution::other_cores(MonotonicTime begin, MonotonicTime end) const {
  begin = std::min(begin, end - kCpuWindow);
  if (const auto first = sensors_.total_cpu().first()) begin = std::max(begin, *first);
  const double seconds = to_seconds(end - begin);
  const auto total = sensors_.total_cpu().growth_extrapolated(begin, end);
  if (!total || seconds <= 0) return 0;
  // What runs on an idle board as well is in its idle power.
  double left = to_seconds(*total) - idle_cores_ * seconds;
  for (const auto& [id, curve] : sensors_.runners()) {
    const MonotonicTime from = curve.first() ? std::max(begin, *curve.first()) : end;
    if (from >= end) continue;
    if (const auto own = curve.growth(from, end)) left -= to_seconds(*own);
  }
  return std::max(left, 0.0) / seconds;
}

// Energy above idle is split by activity: u = c_cpu * CPU seconds + c_gpu * GPU-busy seconds of each side.
void Attribution::split_activity(Slice& slice, std::int64_t energy_nj, std::int64_t gpu_ns) {
  const double seconds = to_seconds(slice.end - slice.begin);
  std::int64_t runner_ns = 0;
  for (const auto& [id, ns] : slice.runner_cpu_ns) runner_ns += ns;
  const double runner_seconds = static_cast<double>(runner_ns) * 1e-9;

  const bool ollama_on_gpu = !slice.open.empty() || runner_seconds >= kBusyRunnerCores * seconds;
  (ollama_on_gpu ? slice.ollama_gpu_ns : slice.other_gpu_ns) = gpu_ns;

  const auto baseline = baseline_.watts(idle_key_, slice.end);
  if (baseline) {
    slice.idle_nj = std::min(energy_nj, static_cast<std::int64_t>(std::llround(*baseline * seconds * 1e9)));
  } else if (slice.open.empty() && runner_seconds < kBusyRunnerCores * seconds) {
    slice.idle_nj =
        energy_nj;  // nothing of Ollama's runs: without a baseline idle and others cannot be told apart
  }
  const std::int64_t dynamic_nj = energy_nj - slice.idle_nj;

  const double other_cpu_seconds = other_cores(slice.begin, slice.end) * seconds;
  // Where nobody measures the GPU, CPU time does not tell whose its energy was: open requests are taken to keep it busy.
  const double ollama_gpu_seconds =
      slice.gpu_known || slice.open.empty() ? static_cast<double>(slice.ollama_gpu_ns) * 1e-9 : seconds;
  const double ollama = options_.cpu_joules_per_core_second * runner_seconds +
                        options_.gpu_joules_per_busy_second * ollama_gpu_seconds;
  const double other = options_.cpu_joules_per_core_second * other_cpu_seconds +
                       options_.gpu_joules_per_busy_second * static_cast<double>(slice.other_gpu_ns) * 1e-9;
  double share = slice.open.empty() ? 0.0 : 1.0;  // nothing measured of either side: the open requests did it
  if (ollama + other > 0) share = ollama / (ollama + other);
  slice.ollama_nj =
      std::clamp(static_cast<std::int64_t>(std::llround(static_cast<double>(dynamic_nj) * share)),
                 std::int64_t{0}, dynamic_nj);
  slice.other_nj = dynamic_nj - slice.ollama_nj;
}

void Attribution::learn_baseline(const Slice& slice) {
  if (!slice.energy_known || (last_active_ && slice.begin - *last_active_ < kQuietBeforeBaseline)) return;
  const double seconds = to_seconds(slice.end - slice.begin);
  const auto total_cpu = sensors_.total_cpu().growth_extrapolated(slice.begin, slice.end);
  if (!total_cpu || to_seconds(*total_cpu) > kQuietCpuShare * options_.cores * seconds) return;
  if (slice.gpu_known && static_cast<double>(slice.gpu_ns()) * 1e-9 > kQuietGpuLoad * seconds) return;
  for (const auto& [id, ns] : slice.runner_cpu_ns) {
    if (static_cast<double>(ns) * 1e-9 > kQuietRunnerCores * seconds) return;
  }
  idle_cores_ += (to_seconds(*total_cpu) / seconds - idle_cores_) * std::min(seconds / kIdleCoresOver, 1.0);
  baseline_.add(idle_key_, slice.end, static_cast<double>(slice.energy_nj()) * 1e-9 / seconds,
                slice.end - slice.begin);
}

}  // namespace tegrascope
