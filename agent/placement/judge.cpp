#include "agent/placement/judge.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "agent/placement/scores.hpp"

namespace tegrascope {
namespace {

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

std::pair<Placement, double> most_likely(const Belief& p) {
  std::pair<Placement, double> best{Placement::gpu, p.gpu};
  if (p.cpu > best.second) best = {Placement::cpu, p.cpu};
  if (p.partial > best.second) best = {Placement::partial, p.partial};
  return best;
}

Placement declared_placement(double share) {
  if (share <= 0) return Placement::cpu;
  return share < 0.99 ? Placement::partial : Placement::gpu;
}

std::string explain(const std::vector<EvidenceScore>& items, Nanoseconds window) {
  std::string out;
  for (const EvidenceScore& item : items) out += (out.empty() ? "" : ", ") + item.says;
  std::array<char, 48> decode{};
  std::snprintf(decode.data(), decode.size(), ", decode %.1f s", to_seconds(window));
  return window > Nanoseconds::zero() ? out + decode.data() : out;
}

void add_flag(Verdict& verdict, bool set, const char* flag) {
  const auto& flags = verdict.flags;
  if (set && std::find(flags.begin(), flags.end(), flag) == flags.end()) verdict.flags.emplace_back(flag);
}

void add_circumstances(const Evidence& e, const PlacementThresholds& limits, Verdict& verdict) {
  add_flag(verdict, e.throttled, "throttled");
  add_flag(verdict, e.mode_changed, "mode_changed");
  add_flag(verdict, e.contended || e.load_doubt == LoadDoubt::foreign, "contended");
  add_flag(verdict, e.swapping, "swapping");
  const bool rate_tells = e.rate_ratio && !e.throttled && !e.contended && !e.swapping;
  add_flag(verdict, rate_tells && *e.rate_ratio < limits.rate_slow && verdict.placement == Placement::gpu,
           "degraded");
}

// Share of the model on the GPU, from the best source there is. A decode spends the share f = g / (g + (1 - g) r) of
// its time on the GPU, r being how much faster that is; 2.3 is the middle of what is known.
void name_share(const Evidence& e, Verdict& verdict) {
  constexpr double kSpeedRatio = 2.3;
  if (e.logged_layers_total && *e.logged_layers_total > 0 && *e.logged_layers_offloaded > 0 &&
      *e.logged_layers_offloaded < *e.logged_layers_total) {
    verdict.gpu_share =
        static_cast<double>(*e.logged_layers_offloaded) / static_cast<double>(*e.logged_layers_total);
    verdict.gpu_share_source = "log";
  } else if (e.declared_gpu_share && *e.declared_gpu_share > 0 && *e.declared_gpu_share < 0.99) {
    verdict.gpu_share = e.declared_gpu_share;
    verdict.gpu_share_source = "api_ps";
  } else if (e.gpu_load_ratio && e.load_doubt == LoadDoubt::none) {
    const double f = std::clamp(*e.gpu_load_ratio, 0.0, 1.0);
    verdict.gpu_share = f * kSpeedRatio / (1 - f + f * kSpeedRatio);
    verdict.gpu_share_source = "gpu_load";
  }
}

bool contradicts(const Evidence& e, Placement seen) {
  if (e.declared_gpu_share && declared_placement(*e.declared_gpu_share) != seen) return true;
  if (!e.logged_layers_total || *e.logged_layers_total <= 0) return false;
  const double logged =
      static_cast<double>(*e.logged_layers_offloaded) / static_cast<double>(*e.logged_layers_total);
  return (logged >= 1 && seen != Placement::gpu) || (logged <= 0 && seen != Placement::cpu);
}

// No verdict, with why; what was seen stays told.
Judgement withheld(Verdict&& told, const Belief& prior, std::string_view why) {
  Judgement j;
  j.posterior = prior;
  j.verdict = std::move(told);
  j.verdict.placement = Placement::unknown;
  j.verdict.probability = 0;
  j.verdict.explanation = std::string(why) + ": " + j.verdict.explanation;
  return j;
}

bool structure_says_cpu(const Evidence& e) {
  const bool declared = e.declared_gpu_share && *e.declared_gpu_share <= 0;
  const bool logged = e.logged_layers_offloaded && *e.logged_layers_offloaded == 0;
  return e.gpu_library == false || (declared && logged);
}

// The board has none, and nothing speaks for one all the same: a card that the agent cannot see from its container.
bool is_without_gpu(const Evidence& e) {
  const bool spoken_for = e.gpu_library == true || e.gpu_memory_held == true || e.gpu_load_ratio ||
                          e.declared_gpu_share.value_or(0) > 0 || e.logged_layers_offloaded.value_or(0) > 0;
  return e.gpu_present == false && !spoken_for;
}

Judgement no_gpu(const Evidence& e, Verdict&& verdict) {
  Judgement j;
  j.posterior = {0, 1, 0};
  j.verdict = std::move(verdict);
  j.verdict.placement = Placement::cpu;
  j.verdict.probability = 1;
  j.verdict.flags.emplace_back("no_gpu");
  add_flag(j.verdict, e.cpu_requested, "expected");
  return j;
}

}  // namespace

Judgement judge(const Evidence& e, const Belief& prior, const PlacementThresholds& limits) {
  const Scores scores = score(e, limits);
  Verdict verdict;
  verdict.evidence = scores.items;
  verdict.explanation = explain(scores.items, e.decode_window);
  if (e.decode_window < limits.min_decode) return withheld(std::move(verdict), prior, "too short");
  if (e.output_tokens > 0 && e.output_tokens < limits.min_tokens)
    return withheld(std::move(verdict), prior, "too few tokens");
  if (is_without_gpu(e)) return no_gpu(e, std::move(verdict));

  verdict.flags = scores.flags;
  const bool structural = structure_says_cpu(e);
  if (!scores.physical && !structural) {
    add_circumstances(e, limits, verdict);
    return withheld(std::move(verdict), prior, "no physical evidence");
  }
  Judgement j;
  j.posterior = posterior_of(prior, scores.cpu(), scores.partial());
  std::tie(verdict.placement, verdict.probability) = most_likely(j.posterior);
  const auto [seen, seen_probability] =
      most_likely(posterior_of(prior, scores.physical_cpu, scores.physical_partial));
  j.verdict = std::move(verdict);
  add_circumstances(e, limits, j.verdict);
  if (j.verdict.probability < limits.verdict_probability) {
    j.verdict.placement = Placement::unknown;
    j.verdict.explanation = "undecided: " + j.verdict.explanation;
    return j;
  }
  const bool sure = scores.physical && seen_probability >= limits.verdict_probability;
  add_flag(j.verdict, sure && contradicts(e, seen), "declared_mismatch");
  add_flag(j.verdict, e.cpu_requested && j.verdict.placement == Placement::cpu, "expected");
  if (j.verdict.placement == Placement::partial) name_share(e, j.verdict);
  return j;
}

Judgement judge_load(const Evidence& e, const Belief& prior, const PlacementThresholds& limits) {
  const Scores scores = score_load(e);
  Verdict verdict;
  verdict.evidence = scores.items;
  verdict.explanation = "at load: " + explain(scores.items, Nanoseconds::zero());
  if (is_without_gpu(e)) return no_gpu(e, std::move(verdict));
  Judgement j;
  j.posterior = posterior_of(prior, scores.cpu(), scores.partial());
  const bool cpu = structure_says_cpu(e) && j.posterior.cpu >= limits.verdict_probability;
  if (!cpu) return withheld(std::move(verdict), prior, "undecided");
  j.verdict = std::move(verdict);
  j.verdict.placement = Placement::cpu;
  j.verdict.probability = j.posterior.cpu;
  add_flag(j.verdict, e.cpu_requested, "expected");
  return j;
}

Belief next_prior(const Belief& p) {
  const auto mix = [](double x) { return 0.9 * x + 0.1 / 3; };
  return {mix(p.gpu), mix(p.cpu), mix(p.partial)};
}

}  // namespace tegrascope
