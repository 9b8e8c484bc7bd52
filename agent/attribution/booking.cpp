#include "agent/attribution/booking.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "agent/attribution/share.hpp"
#include "agent/attribution/weights.hpp"

namespace tegrascope {
namespace {

using Requests = std::vector<const OpenRequest*>;

// Those open in the slice that are still known, by what happened, not by the numbers that they were given: rounding
// goes to the first.
Requests open_in(const Slice& slice, const std::map<RequestId, OpenRequest>& requests) {
  Requests open;
  open.reserve(slice.open.size());
  for (RequestId id : slice.open) {
    const auto it = requests.find(id);
    if (it != requests.end()) open.push_back(&it->second);
  }
  std::sort(open.begin(), open.end(), [](const OpenRequest* a, const OpenRequest* b) {
    return std::tie(a->seen.started, a->id) < std::tie(b->seen.started, b->id);
  });
  return open;
}

std::vector<MonotonicTime> edges_of(const Slice& slice, const Requests& open) {
  std::vector<MonotonicTime> edges{slice.begin};
  for (const OpenRequest* request : open) {
    for_each_boundary(*request, [&](MonotonicTime t) {
      if (t > slice.begin && t < slice.end) edges.push_back(t);
    });
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
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

std::vector<Worker> workers_at(MonotonicTime t, const Requests& open) {
  std::vector<Worker> workers;
  workers.reserve(open.size());
  for (const OpenRequest* request : open) {
    const PhaseAt at = phase_at(*request, t);
    if (!at.known) {
      workers.push_back({request, Phase::unknown});
    } else if (at.phase && *at.phase != Phase::queue) {
      workers.push_back({request, *at.phase});
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
  double part = 0;  // of the slice's time
  bool measured = false;
  Steady steady;
};

constexpr Nanoseconds kLongestSteady = std::chrono::seconds(5);

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
  const DecodersByModel decoders =
      workers.size() > 1 ? decoders_of(workers, piece.steady) : DecodersByModel();
  const Weights share = weights_of(workers, piece.steady, decoders, costs);
  const auto idle = split_by_weight(piece.idle_nj, share.values);
  const auto energy = split_by_weight(piece.ollama_nj, share.values);
  const auto gpu = split_by_weight(piece.ollama_gpu_ns, share.values);
  if (piece.measured) note_passes(piece, workers, decoders, out);

  const double whole_nj = static_cast<double>(piece.idle_nj + piece.ollama_nj);
  const double seconds = to_seconds(piece.end - piece.begin);
  const std::vector<double> doubts = workers.size() > 1 ? split_doubts(share) : std::vector<double>{0.0};
  const std::size_t first = out.requests.size();
  out.requests.reserve(first + workers.size());
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
    mine.split_nj = whole_nj * doubts[i];
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

// Phase edges of all requests in and around a slice.
class EdgesAround {
 public:
  EdgesAround(const Slice& slice, const std::map<RequestId, OpenRequest>& requests)
      : before_(slice.begin - kLongestSteady), after_(slice.end + kLongestSteady) {
    for (const auto& [id, request] : requests) {
      for_each_boundary(request, [&](MonotonicTime t) {
        if (t <= slice.begin) {
          before_ = std::max(before_, t);
        } else if (t >= slice.end) {
          after_ = std::min(after_, t);
        } else {
          inside_.push_back(t);
        }
      });
    }
  }

  // How far the board's work stays the same around the piece.
  Steady steady_around(MonotonicTime begin, MonotonicTime end) const {
    Steady out{std::max(begin - kLongestSteady, before_), std::min(end + kLongestSteady, after_)};
    for (const MonotonicTime t : inside_) {
      if (t <= begin) out.begin = std::max(out.begin, t);
      if (t >= end) out.end = std::min(out.end, t);
    }
    return out;
  }

 private:
  MonotonicTime before_;
  MonotonicTime after_;
  std::vector<MonotonicTime> inside_;
};

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
  const Requests open = open_in(slice, requests);
  std::optional<EdgesAround> around;
  if (open.size() > 1) around.emplace(slice, requests);
  const std::vector<MonotonicTime> edges = edges_of(slice, open);
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
    const std::vector<Worker> workers = workers_at(edges[i], open);
    if (workers.size() > 1) pieces[i].steady = around->steady_around(edges[i], edges[i + 1]);
    book_piece(pieces[i], workers, costs, out);
  }
  return out;
}

}  // namespace tegrascope
