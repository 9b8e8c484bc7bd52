#include "agent/placement/judge.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace tegrascope {
namespace {

// Log-likelihoods in nats, relative to gpu.
struct Score {
  double cpu = 0;
  double partial = 0;
  bool physical = false;  // rests on valid physical evidence
  const char* flag = nullptr;
};

// Columns of the joint table: runner cores U against the n threads it computes with.
enum class Cores { idle, grey, some, most };

Cores cores_column(double cores, int threads) {
  const double most = 0.6 * threads;
  // With fewer than three threads the middle columns have no room: only "most of its threads" tells.
  if (threads < 3) return cores >= most ? Cores::most : Cores::idle;
  if (cores <= 1.3) return Cores::idle;
  if (cores >= most) return Cores::most;
  return cores < 1.6 ? Cores::grey : Cores::some;
}

// GPU load L and runner cores U together.
Score joint_score(double load, Cores cores) {
  struct Row {
    double below;
    std::array<Score, 4> columns;
  };
  static const std::array<Row, 3> kRows{{
      {0.05, {{{0, 0, false, "sensor_suspect"}, {2, 0, true}, {5, 0, true}, {9, 1, true}}}},
      {0.55, {{{-4, -1, true, "degraded"}, {-2, 0, true}, {0, 5, true}, {1, 5, true}}}},
      {0.75, {{{-6, -2, true}, {-5, 0, true}, {-2, 2.5, true}, {0, 2, true}}}},
  }};
  const auto column = static_cast<std::size_t>(cores);
  for (const Row& row : kRows) {
    if (load < row.below) return row.columns[column];
  }
  static const std::array<Score, 4> kHigh{
      {{-9, -3, true}, {-7, -1, true}, {-3, 0, true}, {5, 1, true, "sensor_suspect"}}};
  return kHigh[column];
}

Score cores_score(Cores cores) {
  static const std::array<Score, 4> kOnly{{{-5, -2, true}, {0, 0, true}, {0, 3, true}, {5, 1, true}}};
  return kOnly[static_cast<std::size_t>(cores)];
}

Score load_score(double load) {
  if (load < 0.05) return {6, 1, true};
  if (load < 0.55) return {0, 2, true};
  if (load < 0.75) return {-3, 0, true};
  return {-6, -2, true};
}

Score physical_score(const Evidence& e) {
  const bool load_valid = e.gpu_load_ratio && e.gpu_samples >= kMinGpuSamples;
  if (e.runner_cores) {
    const Cores column = cores_column(*e.runner_cores, e.runner_threads);
    return load_valid ? joint_score(*e.gpu_load_ratio, column) : cores_score(column);
  }
  if (load_valid) return load_score(*e.gpu_load_ratio);
  return {};
}

Score declared_score(const Evidence& e) {
  if (!e.declared_gpu_share) return {};
  if (*e.declared_gpu_share <= 0) return {4, 0};
  if (*e.declared_gpu_share < 0.99) return {0, 3};
  return {-1, -1};
}

Belief posterior_of(const Belief& prior, double cpu, double partial) {
  Belief p;
  p.gpu = prior.gpu;
  p.cpu = prior.cpu * std::exp(cpu);
  p.partial = prior.partial * std::exp(partial);
  const double sum = p.gpu + p.cpu + p.partial;
  p.gpu /= sum;
  p.cpu /= sum;
  p.partial /= sum;
  return p;
}

Verdict most_likely(const Belief& p) {
  Verdict v;
  v.placement = Placement::gpu;
  v.probability = p.gpu;
  if (p.cpu > v.probability) {
    v.placement = Placement::cpu;
    v.probability = p.cpu;
  }
  if (p.partial > v.probability) {
    v.placement = Placement::partial;
    v.probability = p.partial;
  }
  return v;
}

Placement declared_placement(double share) {
  if (share <= 0) return Placement::cpu;
  return share < 0.99 ? Placement::partial : Placement::gpu;
}

std::string explain(const Evidence& e) {
  std::array<char, 64> text{};
  std::string out;
  const auto append = [&](const char* format, auto value) {
    std::snprintf(text.data(), text.size(), format, value);
    out += text.data();
  };
  if (e.gpu_load_ratio) {
    append("GPU %.0f %%", *e.gpu_load_ratio * 100);
  } else {
    out += e.gpu_present == false ? "no GPU" : "GPU load unknown";
  }
  if (e.runner_cores) {
    append(", runner %.2f cores", *e.runner_cores);
    append(" of %d threads", e.runner_threads);
  } else {
    out += ", runner CPU unknown";
  }
  if (e.declared_gpu_share) append(", /api/ps says %.0f %% GPU", *e.declared_gpu_share * 100);
  append(", decode %.1f s", to_seconds(e.decode_window));
  return out;
}

Judgement withheld(const Evidence& e, const Belief& prior, std::string_view why) {
  Judgement j;
  j.posterior = prior;
  j.verdict.explanation = std::string(why) + ": " + explain(e);
  return j;
}

}  // namespace

Judgement judge(const Evidence& e, const Belief& prior) {
  if (e.decode_window < kMinDecodeWindow) return withheld(e, prior, "too short");
  if (e.output_tokens > 0 && e.output_tokens < kMinOutputTokens) return withheld(e, prior, "too few tokens");

  Judgement j;
  if (e.gpu_present == false) {
    j.posterior = {0, 1, 0};
    j.verdict.placement = Placement::cpu;
    j.verdict.probability = 1;
    j.verdict.flags.emplace_back("no_gpu");
    if (e.cpu_requested) j.verdict.flags.emplace_back("expected");
    j.verdict.explanation = explain(e);
    return j;
  }

  const Score physical = physical_score(e);
  const Score declared = declared_score(e);
  const Belief evidence_only = posterior_of(prior, physical.cpu, physical.partial);
  j.posterior = posterior_of(prior, physical.cpu + declared.cpu, physical.partial + declared.partial);
  j.verdict = most_likely(j.posterior);
  j.verdict.explanation = explain(e);
  if (physical.flag != nullptr) j.verdict.flags.emplace_back(physical.flag);

  const bool cpu_declared = e.declared_gpu_share && *e.declared_gpu_share <= 0;
  if (!physical.physical && !(cpu_declared && physical.flag == nullptr)) {
    return withheld(e, prior, "no physical evidence");
  }
  if (j.verdict.probability < kVerdictProbability) {
    j.verdict.placement = Placement::unknown;
    j.verdict.explanation = "undecided: " + j.verdict.explanation;
    return j;
  }
  const Verdict seen = most_likely(evidence_only);
  if (e.declared_gpu_share && seen.probability >= kVerdictProbability &&
      declared_placement(*e.declared_gpu_share) != seen.placement) {
    j.verdict.flags.emplace_back("declared_mismatch");
  }
  if (e.cpu_requested && j.verdict.placement == Placement::cpu) j.verdict.flags.emplace_back("expected");
  return j;
}

Belief next_prior(const Belief& p) {
  const auto mix = [](double x) { return 0.9 * x + 0.1 / 3; };
  return {mix(p.gpu), mix(p.cpu), mix(p.partial)};
}

}  // namespace tegrascope
