#include "agent/attribution/booking.hpp"

#include <algorithm>

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
};

struct Weights {
  std::vector<double> values;
  bool equal = false;  // for want of anything better
};

// Token rates of the decoders, 0 for who does not decode. One that has told none yet, because it has only
// begun, is taken for the mean of the others. Empty: none of them tells.
std::vector<double> token_rates(const std::vector<Worker>& workers, const Piece& piece) {
  std::vector<std::optional<double>> told;
  double sum = 0;
  int known = 0;
  for (const Worker& w : workers) {
    told.push_back(w.phase == Phase::decode ? w.request->tokens_per_second(piece.begin, piece.end) : 0.0);
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

Weights weights_of(const std::vector<Worker>& workers, const Piece& piece, const UnitCosts& costs) {
  Weights out;
  if (workers.size() < 2) return {{1.0}, false};
  const std::vector<double> rates = token_rates(workers, piece);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const auto cost = costs.typical(workers[i].request->model, workers[i].phase);
    if (!cost) break;
    out.values.push_back(workers[i].phase == Phase::prefill ? *cost : *cost * rates[i]);
  }
  if (out.values.size() == workers.size()) return out;

  const Worker& first = workers.front();
  const bool alike = std::all_of(workers.begin(), workers.end(), [&](const Worker& w) {
    return w.request->model == first.request->model && w.phase == first.phase;
  });
  if (alike && first.phase == Phase::decode && !rates.empty()) return {rates, false};
  out.values.assign(workers.size(), 1.0);
  out.equal = !(alike && first.phase == Phase::prefill);
  return out;
}

void book_piece(const Piece& piece, const std::vector<Worker>& workers, const UnitCosts& costs,
                Booking& out) {
  if (workers.empty()) {
    out.unattributed.push_back({Unattributed::idle, piece.idle_nj, 0});
    out.unattributed.push_back({Unattributed::bypass, piece.ollama_nj, piece.ollama_gpu_ns});
    return;
  }
  const Weights share = weights_of(workers, piece, costs);
  const auto idle = split_by_weight(piece.idle_nj, share.values);
  const auto energy = split_by_weight(piece.ollama_nj, share.values);
  const auto gpu = split_by_weight(piece.ollama_gpu_ns, share.values);

  const std::size_t first = out.requests.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    Amounts amounts;
    amounts.energy_nj = energy[i] + idle[i];
    amounts.idle_energy_nj = idle[i];
    amounts.gpu_busy_ns = gpu[i];
    out.requests.push_back(
        {workers[i].request->id, workers[i].phase, amounts, workers.size() > 1, share.equal});
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

}  // namespace

bool is_resolved(const Slice& slice, const std::map<RequestId, OpenRequest>& requests) {
  return std::all_of(slice.open.begin(), slice.open.end(), [&](RequestId id) {
    const auto it = requests.find(id);
    return it == requests.end() || phase_at(it->second, slice.begin).known;
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
    book_piece(pieces[i], workers_at(edges[i], slice, requests), costs, out);
  }
  return out;
}

}  // namespace tegrascope
