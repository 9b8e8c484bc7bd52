#include "agent/attribution/attribution.hpp"

#include <algorithm>
#include <utility>

#include "agent/attribution/booking.hpp"

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
// A phase that at 10 Hz is sampled at least once.
constexpr Nanoseconds kShortestLearned = std::chrono::milliseconds(100);

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

}  // namespace

Attribution::Attribution(const AttributionOptions& options) : options_(options), sensors_(options.sensors) {}

void Attribution::set_idle_key(const IdleKey& key) {
  if (key.power_mode != idle_key_.power_mode || key.clocks_locked != idle_key_.clocks_locked) {
    costs_.forget();
    phase_power_.forget();
  }
  idle_key_ = key;
}

void Attribution::open(RequestId id, const ObservedRequest& seen, const ModelKey& model) {
  OpenRequest request;
  request.id = id;
  request.seen = seen;
  request.model = model;
  request.gap = started_ && seen.started < begun_;
  OpenRequest& opened = requests_.insert_or_assign(id, std::move(request)).first->second;
  note_boundaries(opened);
  for (Slice& slice : pending_) {
    if (slice.end > seen.started) enter(slice, opened);
  }
}

void Attribution::enter(Slice& slice, OpenRequest& request) {
  const auto place = std::lower_bound(slice.open.begin(), slice.open.end(), request.id);
  if (place != slice.open.end() && *place == request.id) return;
  slice.open.insert(place, request.id);
  ++request.waiting_slices;
  request.energy_seen = request.energy_seen || slice.energy_known;
  request.gpu_seen = request.gpu_seen || slice.gpu_known;
}

void Attribution::describe(RequestId id, const ModelKey& model, bool streamed) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.closed) return;
  it->second.model = model;
  it->second.seen.streamed = streamed;
}

void Attribution::set_runner(RequestId id, const ProcessId& runner) {
  const auto it = requests_.find(id);
  if (it != requests_.end()) it->second.runner = runner;
}

void Attribution::set_first_content(RequestId id, MonotonicTime at) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.closed || it->second.seen.first_content) return;
  it->second.seen.first_content = at;
  note_boundaries(it->second);
}

void Attribution::set_tokens(RequestId id, std::int64_t tokens, MonotonicTime at) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  it->second.tell_tokens(tokens, at);
}

void Attribution::close(RequestId id, const ObservedRequest& seen) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.closed) return;
  OpenRequest& request = it->second;
  request.seen = seen;
  request.windows = cut_windows(seen);
  request.closed = true;
  note_boundaries(request);
}

void Attribution::discard(RequestId id) { requests_.erase(id); }

void Attribution::note_boundaries(const OpenRequest& request) {
  std::vector<MonotonicTime> known;
  append_boundaries(request, known);
  for (const MonotonicTime t : known) {
    const auto place = std::lower_bound(boundaries_.begin(), boundaries_.end(), t);
    if (place == boundaries_.end() || *place != t) boundaries_.insert(place, t);
  }
  const MonotonicTime oldest = position_ - options_.sensors.max_gap;
  boundaries_.erase(boundaries_.begin(), std::lower_bound(boundaries_.begin(), boundaries_.end(), oldest));
}

MonotonicTime Attribution::watermark(MonotonicTime now) const {
  const bool busy =
      std::any_of(requests_.begin(), requests_.end(), [](const auto& entry) { return !entry.second.closed; });
  MonotonicTime limit = now - (busy ? options_.hold_busy : options_.hold_idle);
  // A request whose end was reported needs no further news: only the sensors have to reach its end.
  for (const auto& [id, request] : requests_) {
    if (request.closed && !request.finished) limit = std::max(limit, std::min(request.seen.ended, now));
  }
  if (const auto covered = sensors_.covered_until(now)) limit = std::min(limit, *covered);
  return limit;
}

MonotonicTime Attribution::cut_after(MonotonicTime from, MonotonicTime limit) const {
  MonotonicTime cut = std::min(limit, from + std::chrono::seconds(1));
  if (const auto sample = sensors_.next_sample(from)) cut = std::min(cut, *sample);
  const auto boundary = std::upper_bound(boundaries_.begin(), boundaries_.end(), from);
  if (boundary != boundaries_.end()) cut = std::min(cut, *boundary);
  return cut;
}

void Attribution::advance(MonotonicTime now) {
  const MonotonicTime limit = watermark(now);
  if (!started_) {
    begun_ = position_ = limit;
    started_ = true;
    for (auto& [id, request] : requests_) request.gap = request.gap || request.seen.started < begun_;
  }
  while (position_ < limit) {
    const MonotonicTime end = cut_after(position_, limit);
    close_slice(position_, end);
    position_ = end;
  }
  book_resolved(now);
  collect_finished();
}

void Attribution::book(const Slice& slice) {
  const Booking booking = book_slice(slice, requests_, costs_);
  for (const UnattributedShare& share : booking.unattributed) {
    ledger_.book_unattributed(share.reason, share.energy_nj, share.gpu_busy_ns);
  }
  for (const RequestShare& share : booking.requests) {
    OpenRequest& request = requests_.at(share.id);
    ledger_.book(request.model, share.phase, share.amounts);
    request.amounts[share.phase] += share.amounts;
    request.shared = request.shared || share.shared;
    request.equal_share = request.equal_share || share.equal;
  }
  for (RequestId id : slice.open) {
    const auto it = requests_.find(id);
    if (it != requests_.end()) --it->second.waiting_slices;
  }
}

void Attribution::book_resolved(MonotonicTime now) {
  const MonotonicTime too_old = now - options_.unresolved_limit;
  std::deque<Slice> waiting;
  for (Slice& slice : pending_) {
    const bool overdue = slice.end <= too_old || pending_.size() > options_.max_pending_slices;
    if (overdue || is_resolved(slice, requests_)) {
      book(slice);
    } else {
      waiting.push_back(std::move(slice));
    }
  }
  pending_ = std::move(waiting);
}

void Attribution::collect_finished() {
  for (auto it = requests_.begin(); it != requests_.end();) {
    OpenRequest& request = it->second;
    if (request.closed && !request.finished && request.seen.ended <= position_) {
      request.finished = true;
      finished_.push_back(describe_finished(request));
    }
    if (request.finished && request.waiting_slices == 0) {
      learn(request);
      booked_.push_back(describe_finished(request));
      it = requests_.erase(it);
    } else {
      ++it;
    }
  }
}

// From a request that had the board for itself, all of it measured.
void Attribution::learn(const OpenRequest& request) {
  const bool sound = request.energy_seen && !request.gap && !request.shared &&
                     request.seen.outcome == Outcome::ok && request.windows.reasons.empty();
  if (!sound) return;
  for (const PhaseWindow& w : request.windows.windows) {
    if (const auto watts = sensors_.power().mean_of_samples(w.begin, w.end))
      phase_power_.learn(request.model, w.phase, *watts);
    if (!idle_watts() || (w.phase != Phase::prefill && w.phase != Phase::decode)) continue;
    const auto amounts = request.amounts.find(w.phase);
    const Nanoseconds length = w.end - w.begin;
    if (amounts == request.amounts.end() || length < kShortestLearned) continue;
    const double joules =
        static_cast<double>(amounts->second.energy_nj - amounts->second.idle_energy_nj) * 1e-9;
    const double units =
        w.phase == Phase::decode ? static_cast<double>(request.tokens()) : to_seconds(length);
    if (units > 0) costs_.learn(request.model, w.phase, joules / units);
  }
}

// What the request's prefill and decode cost alone.
std::optional<double> Attribution::solo_joules(const OpenRequest& request) const {
  double joules = 0;
  for (const PhaseWindow& w : request.windows.windows) {
    if (w.phase == Phase::load || w.phase == Phase::queue) continue;
    const auto cost = costs_.typical(request.model, w.phase);
    if (!cost) return std::nullopt;
    joules += *cost * (w.phase == Phase::decode ? static_cast<double>(request.tokens())
                                                : to_seconds(w.end - w.begin));
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
  out.reasons = request.windows.reasons;
  if (request.gap) out.reasons.emplace_back("gap");
  if (request.shared) out.reasons.emplace_back("shared");
  Nanoseconds longest{};
  for (const PhaseWindow& w : request.windows.windows) longest = std::max(longest, w.end - w.begin);
  if (sensors_.power().averaged() && 2 * longest < kShortOfAverages * sensors_.power().averaging())
    out.reasons.emplace_back("short");
  if (request.imputed) out.reasons.emplace_back("imputed");
  if (request.equal_share) out.reasons.emplace_back("equal_share");
  if (!idle_watts()) out.reasons.emplace_back("no_idle_baseline");

  const auto& windows = request.windows.windows;
  if (windows.empty()) return out;
  const PhaseWindow& last = windows.back();
  MonotonicTime begin = last.begin;
  if (last.phase == Phase::unknown) {
    const Nanoseconds length = last.end - last.begin;
    begin += std::max(kUnknownLeadIn, from_seconds(kUnknownLeadInShare * to_seconds(length)));
  } else if (last.phase != Phase::decode) {
    return out;
  }
  if (begin >= last.end) return out;
  out.decode.window = last.end - begin;
  if (request.runner) {
    const auto runner = sensors_.runners().find(*request.runner);
    if (runner != sensors_.runners().end())
      out.decode.runner_cores = cores_over(runner->second, begin, last.end);
  }
  if (const auto load = sensors_.gpu().mean_over(std::min(begin + kLoadSettles, last.end), last.end)) {
    out.decode.gpu_load_ratio = load->mean;
    out.decode.gpu_samples = load->samples;
  }
  return out;
}

std::vector<Attribution::Finished> Attribution::take_finished() { return std::exchange(finished_, {}); }

std::vector<Attribution::Finished> Attribution::take_booked() { return std::exchange(booked_, {}); }

}  // namespace tegrascope
