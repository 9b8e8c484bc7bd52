#include "agent/attribution/weights.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace tegrascope {
namespace {

// What a cost that was learned alone is worth in company.
constexpr double kDecodeDoubt = 0.06;
constexpr double kPromptDoubt = 0.15;
constexpr double kLoadDoubt = 0.25;
constexpr double kEqualDoubt = 0.6;
constexpr double kTokensDoubt = 0.2;
// Where lengths of turns tell, not tokens.
constexpr double kGuessedDoubt = 0.25;
constexpr double kTurnsDoubt = 0.4;
constexpr double kHalf = 0.5;
// Ollama's num_batch: tokens of a prompt in one pass.
constexpr double kBatchTokens = 512;
// However little of the time seems left for a prompt that is being evaluated.
constexpr double kLeastPromptShare = 0.05;

// Token rates of the decoders, 0 for who does not decode. One that has told none yet, because it has only
// begun, is taken for the mean of the others. Empty: none of them tells.
std::vector<double> token_rates(const std::vector<Worker>& workers, const Steady& steady) {
  std::vector<std::optional<double>> told;
  double sum = 0;
  int known = 0;
  for (const Worker& w : workers) {
    told.push_back(w.phase == Phase::decode ? w.request->tokens_per_second(steady.begin, steady.end) : 0.0);
    if (w.phase != Phase::decode || !told.back()) continue;
    sum += *told.back();
    ++known;
  }
  std::vector<double> rates;
  for (const auto& rate : told) {
    if (!rate && known == 0) return {};
    rates.push_back(rate ? *rate : sum / known);
  }
  return rates;
}

// Who has the GPU for which part of the time.
struct Turns {
  ByModel<double> decoding;
  double prompts = 0;
  double decode_doubt = kDecodeDoubt;
  double prompt_doubt = kPromptDoubt;
};

// Of the time in which a runner evaluates prompts and decodes as well: each pass takes a piece of the prompt along, so
// there were as many as the longest prompt has pieces. Absent: its length is not told.
std::optional<double> prompts_in_passes(const std::vector<Worker>& workers, double pass_seconds) {
  std::optional<double> least;
  for (const Worker& w : workers) {
    if (w.phase != Phase::prefill) continue;
    const auto rate = w.request->prompt_tokens_per_second();
    if (!rate) return std::nullopt;
    const auto tokens = static_cast<double>(*w.request->seen.counts->prompt_tokens);
    const double passes = std::ceil(tokens / kBatchTokens);
    const double part = std::clamp(1 - passes * pass_seconds / (tokens / *rate), kLeastPromptShare, 1.0);
    least = least ? std::max(*least, part) : part;
  }
  return least;
}

// Absent: how long a pass takes is not known.
std::optional<Turns> turns_of(const std::vector<Worker>& workers, const DecodersByModel& decoders,
                              const UnitCosts& costs) {
  std::set<ModelRef, std::less<ModelKey>> prompting;
  for (const Worker& w : workers)
    if (w.phase == Phase::prefill) prompting.insert(w.request->model);
  auto runners = prompting;

  Turns out;
  double left = 1;
  std::vector<ModelRef> unknown;
  double pass_seconds = 0;
  for (const auto& [model, d] : decoders) {
    const auto pass = costs.pass_seconds(model, d.count);
    if (!pass) return std::nullopt;
    pass_seconds = *pass;
    runners.insert(model);
    if (d.followed == 0) {
      unknown.push_back(model);
      continue;
    }
    out.decoding[model] = d.passes_per_second() * *pass;
    left -= out.decoding[model];
  }
  left = std::clamp(left, kLeastPromptShare, 1.0);
  if (prompting.empty()) {
    for (const ModelRef model : unknown) out.decoding[model] = left / static_cast<double>(unknown.size());
    if (!unknown.empty()) out.decode_doubt = kGuessedDoubt;
    return out;
  }
  if (unknown.empty()) {
    out.prompts = left;
    return out;
  }
  const auto in_passes = runners.size() == 1 ? prompts_in_passes(workers, pass_seconds) : std::nullopt;
  out.prompts = 1;
  for (const auto& [model, d] : decoders) {
    const double turn = prompting.count(model) > 0 ? kHalf : 1.0;
    out.decoding[model] = in_passes ? 1 - *in_passes : turn / static_cast<double>(runners.size());
    out.prompts -= out.decoding[model];
  }
  out.prompt_doubt = out.decode_doubt = in_passes ? kGuessedDoubt : kTurnsDoubt;
  return out;
}

// Of the time that prompts have, each one's part: they go through a pass by their tokens, so the one with more tokens in
// less time has more of it. Cached tokens count as if they were evaluated, for want of a better figure. 0 for who does
// not evaluate a prompt.
std::vector<double> prompt_parts(const std::vector<Worker>& workers) {
  std::vector<double> parts(workers.size(), 0.0);
  double sum = 0;
  bool all_told = true;
  int prompts = 0;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (workers[i].phase != Phase::prefill) continue;
    ++prompts;
    const auto rate = workers[i].request->prompt_tokens_per_second();
    all_told = all_told && rate.has_value();
    parts[i] = rate.value_or(0);
    sum += parts[i];
  }
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (workers[i].phase == Phase::prefill) parts[i] = all_told && sum > 0 ? parts[i] / sum : 1.0 / prompts;
  }
  return parts;
}

// What the decodes of one model have in common.
struct DecodeTerms {
  TokenCost token;
  double passes_per_second = 0;  // while its requests decode as they do now
};

std::optional<ByModel<DecodeTerms>> decode_terms(const DecodersByModel& decoders, const Turns& turns,
                                                 const UnitCosts& costs) {
  ByModel<DecodeTerms> out;
  for (const auto& [model, d] : decoders) {
    const auto token = costs.token_cost(model, d.count);
    if (!token) return std::nullopt;
    out[model] = {*token, turns.decoding.at(model) / *costs.pass_seconds(model, d.count)};
  }
  return out;
}

// By what each costs; absent when one of the costs is not known.
std::optional<Weights> weights_by_cost(const std::vector<Worker>& workers, const DecodersByModel& decoders,
                                       const UnitCosts& costs) {
  const std::optional<Turns> turns = turns_of(workers, decoders, costs);
  if (!turns) return std::nullopt;
  const auto terms = decode_terms(decoders, *turns, costs);
  if (!terms) return std::nullopt;
  const std::vector<double> parts = prompt_parts(workers);
  Weights out;
  auto mine = terms->end();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const Worker& w = workers[i];
    std::optional<double> cost;
    double times = 1;
    double doubt = kLoadDoubt;
    if (w.phase == Phase::decode) {
      if (mine == terms->end() || mine->first.get() != w.request->model) mine = terms->find(w.request->model);
      cost = mine->second.token.joules(w.request->context());
      times = mine->second.passes_per_second;
      doubt = turns->decode_doubt;
    } else {
      cost = costs.watts(w.request->model, w.phase);
      if (w.phase == Phase::prefill) {
        times = turns->prompts * parts[i];
        doubt = turns->prompt_doubt;
      }
    }
    if (!cost) return std::nullopt;
    out.values.push_back(*cost * times);
    out.doubts.push_back(doubt);
    out.prompt_seconds.push_back(w.phase == Phase::prefill ? times : 0.0);
  }
  return out;
}

}  // namespace

DecodersByModel decoders_of(const std::vector<Worker>& workers, const Steady& steady) {
  DecodersByModel out;
  auto mine = out.end();
  for (const Worker& w : workers) {
    if (w.phase != Phase::decode) continue;
    if (mine == out.end() || mine->first.get() != w.request->model)
      mine = out.try_emplace(w.request->model).first;
    Decoders& d = mine->second;
    ++d.count;
    if (const auto rate = w.request->tokens_per_second(steady.begin, steady.end)) {
      ++d.told;
      d.tokens_per_second += *rate;
    }
    if (w.request->told_between(steady.begin, steady.end)) ++d.followed;
    const auto context = w.request->context();
    d.context += context.value_or(0);
    d.context_known = d.context_known && context.has_value();
  }
  return out;
}

Weights weights_of(const std::vector<Worker>& workers, const Steady& steady, const DecodersByModel& decoders,
                   const UnitCosts& costs) {
  const Worker& first = workers.front();
  if (workers.size() < 2) return {{1.0}, {0.0}, {first.phase == Phase::prefill ? 1.0 : 0.0}, false};
  if (auto known = weights_by_cost(workers, decoders, costs)) return *known;

  Weights out;
  const auto n = workers.size();
  out.prompt_seconds.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    if (workers[i].phase == Phase::prefill) out.prompt_seconds[i] = 1.0 / static_cast<double>(n);
  const bool alike = std::all_of(workers.begin(), workers.end(), [&](const Worker& w) {
    return w.request->model == first.request->model && w.phase == first.phase;
  });
  const std::vector<double> rates = token_rates(workers, steady);
  if (alike && first.phase == Phase::decode && !rates.empty()) {
    out.values = rates;
    out.doubts.assign(n, kTokensDoubt);
    return out;
  }
  out.values.assign(n, 1.0);
  out.equal = !(alike && first.phase == Phase::prefill);
  out.doubts.assign(n, out.equal ? kEqualDoubt : kPromptDoubt);
  return out;
}

std::vector<double> split_doubts(const Weights& weights) {
  const auto n = weights.values.size();
  double sum = 0;
  for (const double v : weights.values) sum += v;
  if (sum <= 0) return std::vector<double>(n, kEqualDoubt / static_cast<double>(n));
  const auto square = [](double x) { return x * x; };
  double all = 0;  // variance that the others' doubts bring into one's part, and its own
  for (std::size_t i = 0; i < n; ++i) all += square(weights.values[i] / sum * weights.doubts[i]);
  std::vector<double> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double mine = weights.values[i] / sum;
    const double others = std::max(all - square(mine * weights.doubts[i]), 0.0);
    out.push_back(mine * std::sqrt(others + square((1 - mine) * weights.doubts[i])));
  }
  return out;
}

}  // namespace tegrascope
