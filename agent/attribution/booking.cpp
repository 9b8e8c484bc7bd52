#include "agent/attribution/booking.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "agent/attribution/share.hpp"

namespace tegrascope {
namespace {

struct Worker {
  const OpenRequest* request;
  Phase phase;
};

std::vector<MonotonicTime> edges_of(const Slice& slice, const std::map<RequestId, OpenRequest>& requests) {
  std::vector<MonotonicTime> inside;
  for (RequestId id : slice.open) {
    const auto it = requests.find(id);
    if (it != requests.end()) append_boundaries(it->second, inside);
  }
  std::vector<MonotonicTime> edges{slice.begin};
  std::sort(inside.begin(), inside.end());
  for (MonotonicTime t : inside) {
    if (t > edges.back() && t < slice.end) edges.push_back(t);
  }
  edges.push_back(slice.end);
  return edges;
}

// Ollama tells a load of milliseconds for a model that is in memory: looking it up, no work of the board.
constexpr Nanoseconds kNoLoad = std::chrono::milliseconds(300);

bool only_looks_up(const OpenRequest& request) {
  const auto& windows = request.windows.windows;
  return windows.size() > 1 && windows.front().phase == Phase::load &&
         windows.front().end - windows.front().begin < kNoLoad;
}

std::vector<Worker> workers_at(MonotonicTime t, const Slice& slice,
                               const std::map<RequestId, OpenRequest>& requests) {
  std::vector<Worker> workers;
  for (RequestId id : slice.open) {
    const auto it = requests.find(id);
    if (it == requests.end()) continue;
    const PhaseAt at = phase_at(it->second, t);
    if (!at.known) {
      workers.push_back({&it->second, Phase::unknown});
    } else if (at.phase && *at.phase != Phase::queue) {
      workers.push_back({&it->second, *at.phase});
    }
  }
  if (workers.size() > 1) {
    // By what happened, not by the numbers that they were given: rounding goes to the first.
    std::sort(workers.begin(), workers.end(), [](const Worker& a, const Worker& b) {
      return std::tie(a.request->seen.started, a.request->id) <
             std::tie(b.request->seen.started, b.request->id);
    });
    std::erase_if(workers,
                  [](const Worker& w) { return w.phase == Phase::load && only_looks_up(*w.request); });
  }
  return workers;
}

// One piece of a slice, between two phase edges.
struct Piece {
  MonotonicTime begin{};
  MonotonicTime end{};
  std::int64_t idle_nj = 0;
  std::int64_t ollama_nj = 0;
  std::int64_t ollama_gpu_ns = 0;
  std::vector<std::pair<ProcessId, std::int64_t>> runner_cpu_ns;
  double part = 0;  // of the slice's time
  bool measured = false;
  // The same requests do the same around it.
  MonotonicTime steady_begin{};
  MonotonicTime steady_end{};
};

struct Weights {
  std::vector<double> values;
  std::vector<double> doubts;          // how wrong each may be, relative
  std::vector<double> prompt_seconds;  // of a second, those that a prefill would have taken alone
  bool equal = false;                  // for want of anything better
};

// The decodes of one model, which go through its runner together: each pass gives each of them a token.
struct Decoders {
  int count = 0;
  int told = 0;  // of them, those whose rate is known
  double tokens_per_second = 0;
  double context = 0;
  bool context_known = true;

  double passes_per_second() const { return told > 0 ? tokens_per_second / told : 0.0; }
};

using DecodersByModel = std::map<ModelKey, Decoders>;

// What a cost that was learned alone is worth in company.
constexpr double kDecodeDoubt = 0.08;
constexpr double kPromptDoubt = 0.25;
constexpr double kLoadDoubt = 0.25;
constexpr double kEqualDoubt = 0.6;
constexpr double kTokensDoubt = 0.2;
constexpr Nanoseconds kLongestSteady = std::chrono::seconds(5);
// However little of the time seems left for a prompt that is being evaluated.
constexpr double kLeastPromptShare = 0.05;

// Token rates of the decoders, 0 for who does not decode. One that has told none yet, because it has only
// begun, is taken for the mean of the others. Empty: none of them tells.
std::vector<double> token_rates(const std::vector<Worker>& workers, const Piece& piece) {
  std::vector<std::optional<double>> told;
  double sum = 0;
  int known = 0;
  for (const Worker& w : workers) {
    told.push_back(
        w.phase == Phase::decode ? w.request->tokens_per_second(piece.steady_begin, piece.steady_end) : 0.0);
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

DecodersByModel decoders_of(const std::vector<Worker>& workers, const Piece& piece) {
  DecodersByModel out;
  for (const Worker& w : workers) {
    if (w.phase != Phase::decode) continue;
    Decoders& d = out[w.request->model];
    ++d.count;
    if (const auto rate = w.request->tokens_per_second(piece.steady_begin, piece.steady_end)) {
      ++d.told;
      d.tokens_per_second += *rate;
    }
    const auto context = w.request->context();
    d.context += context.value_or(0);
    d.context_known = d.context_known && context.has_value();
  }
  return out;
}

// Part of the time in which no decode pass ran: what prompts had for theirs.
std::optional<double> time_for_prompts(const DecodersByModel& decoders, const UnitCosts& costs) {
  double left = 1;
  for (const auto& [model, d] : decoders) {
    const auto pass = costs.pass_seconds(model, d.count);
    if (!pass || d.told == 0) return std::nullopt;
    left -= d.passes_per_second() * *pass;
  }
  return std::clamp(left, kLeastPromptShare, 1.0);
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

// By what each costs; absent when one of the costs is not known.
std::optional<Weights> weights_by_cost(const std::vector<Worker>& workers, const DecodersByModel& decoders,
                                       std::optional<double> for_prompts, const UnitCosts& costs) {
  const std::vector<double> parts = prompt_parts(workers);
  Weights out;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const Worker& w = workers[i];
    std::optional<double> cost;
    double times = 1;
    double doubt = kLoadDoubt;
    if (w.phase == Phase::decode) {
      const Decoders& d = decoders.at(w.request->model);
      cost = d.told > 0 ? costs.token_joules(w.request->model, d.count, w.request->context()) : std::nullopt;
      times = d.passes_per_second();
      doubt = kDecodeDoubt;
    } else {
      cost = costs.watts(w.request->model, w.phase);
      if (w.phase == Phase::prefill) {
        if (!for_prompts) return std::nullopt;
        times = *for_prompts * parts[i];
        doubt = kPromptDoubt;
      }
    }
    if (!cost) return std::nullopt;
    out.values.push_back(*cost * times);
    out.doubts.push_back(doubt);
    out.prompt_seconds.push_back(w.phase == Phase::prefill ? times : 0.0);
  }
  return out;
}

Weights weights_of(const std::vector<Worker>& workers, const Piece& piece, const DecodersByModel& decoders,
                   const UnitCosts& costs) {
  const Worker& first = workers.front();
  if (workers.size() < 2) return {{1.0}, {0.0}, {first.phase == Phase::prefill ? 1.0 : 0.0}, false};
  if (auto known = weights_by_cost(workers, decoders, time_for_prompts(decoders, costs), costs))
    return *known;

  Weights out;
  const auto n = workers.size();
  out.prompt_seconds.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    if (workers[i].phase == Phase::prefill) out.prompt_seconds[i] = 1.0 / static_cast<double>(n);
  const bool alike = std::all_of(workers.begin(), workers.end(), [&](const Worker& w) {
    return w.request->model == first.request->model && w.phase == first.phase;
  });
  const std::vector<double> rates = token_rates(workers, piece);
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

// Standard deviation of part i of a whole 1, when each weight may be wrong by its doubt.
double split_doubt(const Weights& weights, std::size_t i) {
  double sum = 0;
  for (const double v : weights.values) sum += v;
  if (sum <= 0) return kEqualDoubt / static_cast<double>(weights.values.size());
  const double mine = weights.values[i] / sum;
  double variance = 0;
  for (std::size_t k = 0; k < weights.values.size(); ++k) {
    const double lever = mine * ((k == i ? 1.0 : 0.0) - weights.values[k] / sum) * weights.doubts[k];
    variance += lever * lever;
  }
  return std::sqrt(variance);
}

void note_passes(const Piece& piece, const std::vector<Worker>& workers, const DecodersByModel& decoders,
                 Booking& out) {
  if (workers.size() < 2 || decoders.size() != 1) return;
  const auto& [model, d] = *decoders.begin();
  if (d.count != static_cast<int>(workers.size()) || d.told != d.count || !d.context_known) return;
  const double seconds = to_seconds(piece.end - piece.begin);
  const double passes = d.passes_per_second() * seconds;
  out.passes.push_back(
      {model, d.count, {passes, static_cast<double>(piece.ollama_nj) * 1e-9, seconds, passes * d.context}});
}

void book_piece(const Piece& piece, const std::vector<Worker>& workers, const UnitCosts& costs,
                Booking& out) {
  if (workers.empty()) {
    out.unattributed.push_back({Unattributed::idle, piece.idle_nj, 0});
    out.unattributed.push_back({Unattributed::bypass, piece.ollama_nj, piece.ollama_gpu_ns});
    return;
  }
  const DecodersByModel decoders = workers.size() > 1 ? decoders_of(workers, piece) : DecodersByModel();
  const Weights share = weights_of(workers, piece, decoders, costs);
  const auto idle = split_by_weight(piece.idle_nj, share.values);
  const auto energy = split_by_weight(piece.ollama_nj, share.values);
  const auto gpu = split_by_weight(piece.ollama_gpu_ns, share.values);
  if (piece.measured) note_passes(piece, workers, decoders, out);

  const double whole_nj = static_cast<double>(piece.idle_nj + piece.ollama_nj);
  const double seconds = to_seconds(piece.end - piece.begin);
  const std::size_t first = out.requests.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    RequestShare mine;
    mine.id = workers[i].request->id;
    mine.phase = workers[i].phase;
    mine.amounts.energy_nj = energy[i] + idle[i];
    mine.amounts.idle_energy_nj = idle[i];
    mine.amounts.gpu_busy_ns = gpu[i];
    mine.shared = workers.size() > 1;
    mine.equal = share.equal;
    mine.part = whole_nj > 0 ? piece.part * static_cast<double>(mine.amounts.energy_nj) / whole_nj : 0.0;
    mine.split_nj = mine.shared ? whole_nj * split_doubt(share, i) : 0.0;
    mine.prompt_seconds = share.prompt_seconds[i] * seconds;
    out.requests.push_back(mine);
  }
  for (const auto& [runner, cpu_ns] : piece.runner_cpu_ns) {
    std::vector<double> weights;
    weights.reserve(workers.size());
    for (std::size_t i = 0; i < workers.size(); ++i)
      weights.push_back(workers[i].request->runner == runner ? share.values[i] : 0.0);
    if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0; })) continue;
    const auto parts = split_by_weight(cpu_ns, weights);
    for (std::size_t i = 0; i < parts.size(); ++i) out.requests[first + i].amounts.cpu_ns += parts[i];
  }
}

// How far the board's work stays the same around the piece: between the edges of all requests.
void fit_steady(Piece& piece, const std::map<RequestId, OpenRequest>& requests) {
  piece.steady_begin = piece.begin - kLongestSteady;
  piece.steady_end = piece.end + kLongestSteady;
  for (const auto& [id, request] : requests) {
    for_each_boundary(request, [&](MonotonicTime t) {
      if (t <= piece.begin) piece.steady_begin = std::max(piece.steady_begin, t);
      if (t >= piece.end) piece.steady_end = std::min(piece.steady_end, t);
    });
  }
}

}  // namespace

bool is_resolved(const Slice& slice, const std::map<RequestId, OpenRequest>& requests) {
  const bool several = slice.open.size() > 1;
  return std::all_of(slice.open.begin(), slice.open.end(), [&](RequestId id) {
    const auto it = requests.find(id);
    if (it == requests.end()) return true;
    return several ? it->second.closed : phase_at(it->second, slice.begin).known;
  });
}

Booking book_slice(const Slice& slice, const std::map<RequestId, OpenRequest>& requests,
                   const UnitCosts& costs) {
  Booking out;
  if (slice.other_nj != 0 || slice.other_gpu_ns != 0) {
    out.unattributed.push_back({Unattributed::other, slice.other_nj, slice.other_gpu_ns});
  }
  const std::vector<MonotonicTime> edges = edges_of(slice, requests);
  std::vector<double> lengths;
  for (std::size_t i = 1; i < edges.size(); ++i) lengths.push_back(to_seconds(edges[i] - edges[i - 1]));

  std::vector<Piece> pieces(lengths.size());
  const auto spread = [&](std::int64_t total, auto assign) {
    const auto parts = split_by_weight(total, lengths);
    for (std::size_t i = 0; i < parts.size(); ++i) assign(pieces[i], parts[i]);
  };
  spread(slice.idle_nj, [](Piece& p, std::int64_t v) { p.idle_nj = v; });
  spread(slice.ollama_nj, [](Piece& p, std::int64_t v) { p.ollama_nj = v; });
  spread(slice.ollama_gpu_ns, [](Piece& p, std::int64_t v) { p.ollama_gpu_ns = v; });
  for (const auto& [runner, cpu_ns] : slice.runner_cpu_ns) {
    spread(cpu_ns, [&r = runner](Piece& p, std::int64_t v) { p.runner_cpu_ns.emplace_back(r, v); });
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    pieces[i].begin = edges[i];
    pieces[i].end = edges[i + 1];
    pieces[i].part = lengths[i] / to_seconds(slice.end - slice.begin);
    pieces[i].measured = slice.energy_known && !slice.imputed;
    const std::vector<Worker> workers = workers_at(edges[i], slice, requests);
    if (workers.size() > 1) fit_steady(pieces[i], requests);
    book_piece(pieces[i], workers, costs, out);
  }
  return out;
}

}  // namespace tegrascope
