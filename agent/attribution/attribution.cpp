#include "agent/attribution/attribution.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/attribution/booking.hpp"

namespace tegrascope {
namespace {

// A phase that at 10 Hz is sampled at least once.
constexpr Nanoseconds kShortestLearned = std::chrono::milliseconds(100);
// A request is seen a little after it came, a runner's start is known to 10 ms.
constexpr Nanoseconds kStartTolerance = std::chrono::milliseconds(200);
constexpr double kTimingsRemembered = 50;
constexpr double kWorstTiming = 0.1;  // seconds

}  // namespace

Attribution::Attribution(const AttributionOptions& options) : options_(options), sensors_(options.sensors) {}

void Attribution::set_idle_key(const IdleKey& key) {
  if (key.power_mode != idle_key_.power_mode || key.clocks_locked != idle_key_.clocks_locked) {
    costs_.forget();
    phase_power_.forget();
  }
  idle_key_ = key;
  if (restored_) adopt_restored();
}

void Attribution::open(RequestId id, const ObservedRequest& seen, const ModelKey& model) {
  OpenRequest request;
  request.id = id;
  request.seen = seen;
  request.model = model;
  request.gap = started_ && seen.started < begun_;
  news_ = true;
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
  note_slice(slice, request);
}

void Attribution::describe(RequestId id, const ModelKey& model, bool streamed) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.closed) return;
  it->second.model = model;
  it->second.seen.streamed = streamed;
  news_ = true;
}

void Attribution::set_runner(RequestId id, const ProcessId& runner, std::optional<MonotonicTime> began) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  it->second.runner = runner;
  it->second.runner_began = began;
  runner_changed(it->second);
}

void Attribution::clear_runner(RequestId id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  it->second.runner.reset();
  it->second.runner_began.reset();
  runner_changed(it->second);
}

void Attribution::runner_changed(OpenRequest& request) {
  if (!request.closed) {
    request.seen.load_began = request.runner_began;
    note_boundaries(request);
  } else if (!request.finished) {
    recut(request);
  }
}

void Attribution::set_first_content(RequestId id, MonotonicTime at) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.closed || it->second.seen.first_content) return;
  it->second.seen.first_content = at;
  news_ = true;
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
  request.closed = true;
  news_ = true;
  note_again(request);
  recut(request);
  note_timing(request);
}

// A request that is told at its end was entered into slices that lie behind it as well.
void Attribution::note_again(OpenRequest& request) {
  if (!request.amounts.empty() || request.seen.ended >= position_) return;
  request.covered = request.unknown_time = Nanoseconds::zero();
  request.others_nj = request.ollama_nj = 0;
  for (const Slice& slice : pending_) {
    const bool holds = std::binary_search(slice.open.begin(), slice.open.end(), request.id);
    if (holds && slice.begin < request.seen.ended) note_slice(slice, request);
  }
}

void Attribution::recut(OpenRequest& request) {
  request.seen.load_began = request.runner_began;
  request.seen.load_of_another = load_of_another(request);
  request.windows = cut_windows(request.seen);
  note_boundaries(request);
}

// A runner is started for the first request that wants it; later ones wait for the same load.
bool Attribution::load_of_another(const OpenRequest& request) const {
  if (!request.runner_began) return false;
  const MonotonicTime began = *request.runner_began;
  if (began < request.seen.started - kStartTolerance) return true;
  return std::any_of(requests_.begin(), requests_.end(), [&](const auto& entry) {
    const OpenRequest& other = entry.second;
    const bool earlier = std::tie(other.seen.started, other.id) < std::tie(request.seen.started, request.id);
    return earlier && other.model == request.model && !(other.closed && other.seen.ended <= began);
  });
}

// The first content and the server's durations tell the same edge twice.
void Attribution::note_timing(const OpenRequest& request) {
  if (!request.seen.streamed || !request.seen.first_content || request.windows.windows.empty()) return;
  const PhaseWindow& last = request.windows.windows.back();
  if (last.phase != Phase::decode || !request.windows.reasons.empty()) return;
  const double apart = to_seconds(*request.seen.first_content - last.begin);
  if (timings_ >= kTimingsRemembered) {
    timing_squares_ -= timing_squares_ / timings_;
    timings_ -= 1;
  }
  timing_squares_ += std::min(apart * apart, kWorstTiming * kWorstTiming);
  timings_ += 1;
}

void Attribution::discard(RequestId id) {
  requests_.erase(id);
  news_ = true;
}

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

void Attribution::enter(const LedgerEntry& entry) {
  if (entry.model != nullptr) ledger_.book(*entry.model, entry.phase, entry.amounts);
}

void Attribution::book(const Slice& slice) {
  const Booking booking = book_slice(slice, requests_, costs_);
  for (const UnattributedShare& share : booking.unattributed) {
    ledger_.book_unattributed(share.reason, share.energy_nj, share.gpu_busy_ns);
  }
  LedgerEntry entry;  // of those that follow each other on one account
  for (const RequestShare& share : booking.requests) {
    OpenRequest& request = requests_.at(share.id);
    if (entry.model == nullptr || entry.phase != share.phase || *entry.model != request.model) {
      enter(entry);
      entry = {&request.model, share.phase, {}};
    }
    entry.amounts += share.amounts;
    request.amounts[share.phase] += share.amounts;
    request.shared = request.shared || share.shared;
    request.equal_share = request.equal_share || share.equal;
    request.prompt_seconds_alone += share.prompt_seconds;
    request.errors.split(share.split_nj * 1e-9);
    if (slice.rests_on) request.errors.rest_on(*slice.rests_on, share.part, share.phase);
    request.errors.guess(slice.guess_watts * to_seconds(slice.end - slice.begin) * share.part);
  }
  enter(entry);
  for (const SeenPasses& seen : booking.passes) costs_.learn_passes(seen.model, seen.decoders, seen.sums);
  for (RequestId id : slice.open) {
    const auto it = requests_.find(id);
    if (it != requests_.end()) --it->second.waiting_slices;
  }
}

void Attribution::book_resolved(MonotonicTime now) {
  const MonotonicTime too_old = now - options_.unresolved_limit;
  const auto overdue = [&](const Slice& slice, std::size_t waiting) {
    return slice.end <= too_old || waiting > options_.max_pending_slices;
  };
  while (!pending_.empty() && overdue(pending_.front(), pending_.size())) {
    book(pending_.front());
    pending_.pop_front();
    examined_ = examined_ > 0 ? examined_ - 1 : 0;
  }
  // Slices that waited go on waiting until a request tells something new.
  std::size_t kept = news_ ? 0 : examined_;
  for (std::size_t i = kept; i < pending_.size(); ++i) {
    if (is_resolved(pending_[i], requests_)) {
      book(pending_[i]);
    } else {
      if (kept != i) pending_[kept] = std::move(pending_[i]);
      ++kept;
    }
  }
  pending_.resize(kept);
  examined_ = kept;
  news_ = false;
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
    if (!sensors_.power().averaged())
      noise_.learn(request.model, w.phase, sensors_.power().roughness(w.begin, w.end));
    if (idle_watts()) learn_cost(request, w);
  }
}

void Attribution::learn_cost(const OpenRequest& request, const PhaseWindow& window) {
  const auto amounts = request.amounts.find(window.phase);
  const double seconds = to_seconds(window.end - window.begin);
  if (amounts == request.amounts.end() || window.end - window.begin < kShortestLearned) return;
  const double joules =
      static_cast<double>(amounts->second.energy_nj - amounts->second.idle_energy_nj) * 1e-9;
  if (window.phase == Phase::load || window.phase == Phase::prefill)
    costs_.learn(request.model, window.phase, joules / seconds);
  const auto tokens = static_cast<double>(request.tokens());
  if (window.phase != Phase::decode || tokens <= 0) return;
  const auto context = request.context();
  if (context) costs_.learn_decode(request.model, joules / tokens, *context, tokens);
  costs_.learn_passes(request.model, 1, {tokens, joules, seconds, tokens * context.value_or(0)});
}

std::vector<Attribution::Finished> Attribution::take_finished() { return std::exchange(finished_, {}); }

std::vector<Attribution::Finished> Attribution::take_booked() { return std::exchange(booked_, {}); }

}  // namespace tegrascope
