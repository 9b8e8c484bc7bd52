// Attribution's last word on a request: what it would have cost alone, how well its energy is known, and why not
// better.
#include <algorithm>
#include <cmath>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

// GPU load is a moving average of 284 ms: what it says right after a phase edge belongs to the phase before.
constexpr Nanoseconds kLoadSettles = std::chrono::milliseconds(350);
// Where no witness tells the phases, the beginning is taken for load and prefill.
constexpr Nanoseconds kUnknownLeadIn = std::chrono::seconds(1);
constexpr double kUnknownLeadInShare = 0.3;
// Clock ticks of 10 ms make a shorter stretch too coarse.
constexpr Nanoseconds kMinCpuWindow = std::chrono::milliseconds(500);
// Of a power sensor that averages, a request without a phase of this many half time constants is known by noise.
constexpr int kShortOfAverages = 3;
// With no more samples in its work, hitting or missing one makes the figure.
constexpr int kShortOfSamples = 2;
constexpr int kFewSamples = 10;
constexpr double kUnknownShare = 0.05;
constexpr double kOtherWork = 0.1;  // of the energy above idle

constexpr double kTwoSided95 = 1.96;
// Where nothing is known of what a sample strays: of the mean power.
constexpr double kUnknownNoise = 0.06;
// Of the split between Ollama and others, how wrong the ratio of their unit costs may be.
constexpr double kActivityDoubt = 0.4;
constexpr double kGapDoubt = 0.3;

// Mean cores over the part of [begin, end) in which the counter is known: a runner is found up to a second
// after its birth, and may end before its request does.
std::optional<double> cores_over(const CounterCurve& cpu, MonotonicTime begin, MonotonicTime end) {
  if (!cpu.first()) return std::nullopt;
  begin = std::max(begin, *cpu.first());
  end = std::min(end, *cpu.last());
  if (end - begin < kMinCpuWindow) return std::nullopt;
  const auto growth = cpu.growth(begin, end);
  if (!growth) return std::nullopt;
  return to_seconds(*growth) / to_seconds(end - begin);
}

// How late or early a witness sees an edge, standard deviation in seconds.
double timing_of(Witness witness) {
  switch (witness) {
    case Witness::relay:
    case Witness::capture:
      return 0.005;
    default:
      return 0.3;
  }
}

bool works(const PhaseWindow& window) { return window.phase != Phase::queue; }

double square(double x) { return x * x; }

}  // namespace

// What the request's prefill and decode cost alone.
std::optional<double> Attribution::solo_joules(const OpenRequest& request) const {
  double joules = 0;
  for (const PhaseWindow& w : request.windows.windows) {
    if (w.phase == Phase::load || w.phase == Phase::queue) continue;
    const auto cost = w.phase == Phase::decode ? costs_.token_joules(request.model, 1, request.context())
                                               : costs_.watts(request.model, w.phase);
    if (!cost) return std::nullopt;
    joules += *cost * (w.phase == Phase::decode ? static_cast<double>(request.tokens())
                                                : request.prompt_seconds_alone);
  }
  return joules > 0 ? std::optional(joules) : std::nullopt;
}

Attribution::Finished Attribution::describe_finished(const OpenRequest& request) const {
  Finished out;
  out.id = request.id;
  out.windows = request.windows;
  out.amounts = request.amounts;
  out.energy_known = request.energy_seen;
  out.gpu_known = request.gpu_seen;
  out.solo_joules = solo_joules(request);
  out.reasons = reasons_of(request);
  rate(request, out);
  find_decode(request, out);
  return out;
}

std::vector<std::string> Attribution::reasons_of(const OpenRequest& request) const {
  std::vector<std::string> reasons = request.windows.reasons;
  const auto name = [&](bool holds, const char* reason) {
    if (holds) reasons.emplace_back(reason);
  };
  Nanoseconds longest{};
  Nanoseconds working{};
  int samples = 0;
  for (const PhaseWindow& w : request.windows.windows) {
    longest = std::max(longest, w.end - w.begin);
    if (!works(w)) continue;
    working += w.end - w.begin;
    samples += sensors_.power().count(w.begin, w.end);
  }
  const bool averaged = sensors_.power().averaged();
  const auto dynamic_nj = static_cast<double>(request.others_nj + request.ollama_nj);
  name(request.gap, "gap");
  name(!request.energy_seen, "no_power");
  name(request.shared, "shared");
  name(averaged ? 2 * longest < kShortOfAverages * sensors_.power().averaging() : samples <= kShortOfSamples,
       "short");
  name(samples < kFewSamples, "few_samples");
  name(request.imputed, "imputed");
  name(to_seconds(request.unknown_time) > kUnknownShare * to_seconds(working), "no_prior");
  name(request.equal_share, "equal_share");
  name(static_cast<double>(request.others_nj) > kOtherWork * dynamic_nj, "other_work");
  name(!idle_watts(), "no_idle_baseline");
  return reasons;
}

// Joules squared (error_budget.hpp).
double Attribution::energy_variance(const OpenRequest& request, double joules) const {
  const SampleCurve& power = sensors_.power();
  Nanoseconds working{};
  for (const PhaseWindow& w : request.windows.windows) {
    if (works(w)) working += w.end - w.begin;
  }
  const double seconds = to_seconds(working);
  if (seconds <= 0) return 0;
  const double watts = joules / seconds;
  const double least = square(options_.sensors.power_step_watts) / 12;

  double variance = 0;
  for (const auto& [phase, weight] : request.errors.sample_weights()) {
    double of_sample = least;
    if (!power.averaged()) {
      Roughness own;
      for (const PhaseWindow& w : request.windows.windows) {
        if (w.phase != phase || request.shared) continue;
        const Roughness seen = power.roughness(w.begin, w.end);
        own.squares += seen.squares;
        own.pairs += seen.pairs;
      }
      of_sample += noise_.variance(request.model, phase, own, square(kUnknownNoise * watts));
    }
    variance += weight * of_sample;
  }
  variance += square(request.errors.guessed_joules()) + square(request.errors.split_joules());

  // A sample that falls between the true edge and the seen one stands for the wrong side: for about half an interval, or
  // for all of a request that has no other.
  const double seen_late = timings_ > 0 ? std::sqrt(timing_squares_ / timings_) : 0.0;
  const double timing = std::max(timing_of(request.seen.witness), seen_late);
  const auto spacing = power.spacing(request.seen.started, request.seen.ended);
  const double interval = spacing ? to_seconds(*spacing) : seconds;
  const double chance = std::min(timing / interval, 1.0);
  const double step = std::max(watts - idle_watts().value_or(0), 0.0);
  variance += 2 * (power.averaged() ? square(timing * step)
                                    : 0.6 * chance * square(std::min(interval, seconds) * step));
  const auto& reasons = request.windows.reasons;
  const bool by_durations = std::find(reasons.begin(), reasons.end(), "no_durations") == reasons.end();
  if (!by_durations) variance += 2 * square(timing * watts);

  const auto others = static_cast<double>(request.others_nj);
  const auto ollama = static_cast<double>(request.ollama_nj);
  if (others > 0) variance += square(kActivityDoubt * joules * others * ollama / square(others + ollama));
  return variance + square(options_.power_gain_error * joules);
}

void Attribution::rate(const OpenRequest& request, Finished& out) const {
  if (!request.energy_seen) return;
  std::int64_t energy_nj = 0;
  for (const auto& [phase, amounts] : request.amounts) energy_nj += amounts.energy_nj;
  const double joules = static_cast<double>(energy_nj) * 1e-9;
  const double sigma = std::sqrt(energy_variance(request, joules));

  Nanoseconds length{};
  int decode_samples = 0;
  for (const PhaseWindow& w : request.windows.windows) {
    length += w.end - w.begin;
    if (w.phase == Phase::decode) decode_samples += sensors_.power().count(w.begin, w.end);
  }
  const double coverage = length.count() > 0 ? to_seconds(request.covered) / to_seconds(length) : 1.0;
  // What a gap hid was drawn as well.
  const double hidden = coverage > 0 ? joules * (1 / std::min(coverage, 1.0) - 1) * (1 + kGapDoubt) : 0.0;
  const auto low = static_cast<std::int64_t>(std::llround(std::max(joules - kTwoSided95 * sigma, 0.0) * 1e9));
  const auto high = static_cast<std::int64_t>(std::llround((joules + hidden + kTwoSided95 * sigma) * 1e9));
  out.energy_interval_nj.emplace(low, high);

  const double relative = joules > 0 ? sigma / joules : 0.0;
  const auto has = [&](const char* reason) {
    return std::find(out.reasons.begin(), out.reasons.end(), reason) != out.reasons.end();
  };
  if (relative > 0.15 || coverage < 0.5) {
    out.quality = 'D';
  } else if (relative > 0.05 || coverage < 0.9 || has("other_work") || has("equal_share") || has("imputed") ||
             has("short") || has("incomplete")) {
    out.quality = 'C';
  } else if (relative > 0.02 || coverage < 0.98 || decode_samples < kFewSamples || !out.reasons.empty()) {
    out.quality = 'B';
  } else {
    out.quality = 'A';
  }
  if (out.quality != 'A' && out.reasons.empty()) out.reasons.emplace_back("noise");
}

void Attribution::find_decode(const OpenRequest& request, Finished& out) const {
  const auto& windows = request.windows.windows;
  if (windows.empty()) return;
  const PhaseWindow& last = windows.back();
  MonotonicTime begin = last.begin;
  if (last.phase == Phase::unknown) {
    const Nanoseconds length = last.end - last.begin;
    begin += std::max(kUnknownLeadIn, from_seconds(kUnknownLeadInShare * to_seconds(length)));
  } else if (last.phase != Phase::decode) {
    return;
  }
  if (begin >= last.end) return;
  out.decode = evidence_over(request.runner, begin, last.end);
}

DecodeEvidence Attribution::evidence_over(const std::optional<ProcessId>& runner, MonotonicTime begin,
                                          MonotonicTime end) const {
  DecodeEvidence out;
  out.window = end - begin;
  const auto cpu = runner ? sensors_.runners().find(*runner) : sensors_.runners().end();
  if (cpu != sensors_.runners().end()) out.runner_cores = cores_over(cpu->second, begin, end);
  if (const auto load = sensors_.gpu().mean_over(std::min(begin + kLoadSettles, end), end)) {
    out.gpu_load_ratio = load->mean;
    out.gpu_samples = load->samples;
  }
  if (!sensors_.power().averaged()) {
    const auto power = sensors_.power().mean_over(begin, end);
    if (power && power->samples > 0) out.board_watts = power->mean;
  }
  return out;
}

}  // namespace tegrascope
