#include "agent/analysis/witness_merge.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kSlotsHold = 1s;
// A log is read once a second; the end of a request that an exact witness sees comes before that.
constexpr Nanoseconds kLogHold = 3s;
// A spell begins at the last sample that was idle, up to an idle sampling interval before the request.
constexpr Nanoseconds kSpellLead = 1500ms;
// Slots are read only once a runner is seen at work.
constexpr Nanoseconds kSpellLeadOfSlots = 3s;
// Work that goes on this long after a request ended is not that request's.
constexpr Nanoseconds kSpellTail = 300ms;
constexpr Nanoseconds kSlotsSkew = 500ms;
constexpr Nanoseconds kLogSkew = 2s;
constexpr Nanoseconds kDurationSkew = 500ms;
constexpr double kDurationSkewShare = 0.1;
// Nothing that is still to come concerns a request that ended so long ago.
constexpr Nanoseconds kForgetAfter = 15s;
constexpr std::size_t kMostWaiting = 1000;
// More than any witness follows at once: an end that was lost on the way would otherwise stay open for ever.
constexpr std::size_t kMostOpen = 8192;

Nanoseconds distance(MonotonicTime a, MonotonicTime b) { return a < b ? b - a : a - b; }

Nanoseconds distance(Nanoseconds a, Nanoseconds b) { return a < b ? b - a : a - b; }

bool is_remote(const RequestEvent& event) {
  return std::visit(
      [](const auto& e) {
        if constexpr (requires { e.remote; }) return e.remote;
        return false;
      },
      event);
}

}  // namespace

void WitnessMerge::set_log_followed(const std::string& server, bool followed) {
  if (followed) {
    log_followed_.insert(server);
  } else {
    log_followed_.erase(server);
  }
}

void WitnessMerge::add(const RequestEvent& event) {
  if (const auto* started = std::get_if<RequestStarted>(&event)) return start(*started);
  const RequestId id = std::visit([](const auto& e) { return e.id; }, event);
  const auto it = sightings_.find(id);
  if (it == sightings_.end()) return;
  Sighting& sighting = it->second;
  if (const auto* described = std::get_if<RequestDescribed>(&event)) sighting.described = *described;
  sighting.remote = sighting.remote || is_remote(event);
  if (const auto* ended = std::get_if<RequestEnded>(&event)) return end(sighting, *ended);
  if (sighting.state == State::waiting) {
    sighting.held.emplace_back(event);
  } else if (sighting.state != State::same) {
    requests_.add(event);
  }
}

void WitnessMerge::start(const RequestStarted& event) {
  now_ = std::max(now_, event.at);
  Sighting& sighting = sightings_.insert_or_assign(event.id, Sighting{}).first->second;
  sighting.started = event;
  open_.insert(event.id);
  if (!sighting.exact()) weaker_[event.id] = &sighting;
  switch (event.witness) {
    case Witness::relay:
    case Witness::capture:
      start_exact(sighting);
      break;
    case Witness::slots:
      start_slots(sighting);
      break;
    case Witness::log:
      sighting.state = State::waiting;
      sighting.release_at = now_ + kLogHold;
      break;
    case Witness::process:
    case Witness::poll:
      start_process(sighting, sighting.state);
      break;
  }
  if (sighting.state == State::waiting) sighting.held.emplace_back(event);
  if (sighting.state == State::applied) requests_.add(event);
  if (open_.size() > kMostOpen) give_up(sightings_.at(*open_.begin()));
}

void WitnessMerge::give_up(Sighting& sighting) {
  open_.erase(sighting.started.id);
  sighting.ended = now_;
  if (sighting.state != State::same) requests_.count_error("unended");
  withdraw(sighting);
}

void WitnessMerge::start_exact(Sighting& exact) {
  Sighting* nearest = nullptr;
  const auto gap = [&](const Sighting& s) { return distance(s.started.at, exact.started.at); };
  for (auto& [id, weaker] : weaker_) {
    Sighting& other = *weaker;
    if (other.started.server != exact.started.server || other.state == State::same) continue;
    const bool began_with_it = other.started.at + kSpellLead >= exact.started.at;
    if (other.started.witness == Witness::process && !other.ended && began_with_it) withdraw(other);
    if (other.started.witness == Witness::slots && other.started.at + kSlotsSkew >= exact.started.at &&
        (nearest == nullptr || gap(other) < gap(*nearest)))
      nearest = &other;
  }
  if (nearest == nullptr) return;
  exact.seen_by_slots = true;
  withdraw(*nearest);
}

void WitnessMerge::start_slots(Sighting& slots) {
  for (auto& [id, weaker] : weaker_) {
    Sighting& other = *weaker;
    if (other.started.server != slots.started.server) continue;
    if (other.started.witness == Witness::process && other.state != State::same && !other.ended &&
        other.started.at + kSpellLeadOfSlots >= slots.started.at)
      withdraw(other);
  }
  slots.state = State::waiting;
  slots.release_at = now_ + kSlotsHold;
  for (auto& [id, other] : sightings_) {
    if (!other.exact() || other.remote || other.seen_by_slots || other.started.server != slots.started.server)
      continue;
    if (slots.started.at + kSlotsSkew < other.started.at) continue;
    if (other.ended && *other.ended + kSlotsSkew < slots.started.at) continue;
    other.seen_by_slots = true;
    slots.state = State::same;
    return;
  }
}

void WitnessMerge::start_process(const Sighting& spell, State& state) const {
  for (const auto& [id, other] : sightings_) {
    const bool stronger = other.exact() || other.started.witness == Witness::slots;
    if (!stronger || other.remote || other.started.server != spell.started.server) continue;
    if (other.ended && *other.ended < spell.started.at + kSpellTail) continue;
    state = State::same;
    return;
  }
}

void WitnessMerge::end(Sighting& sighting, const RequestEnded& event) {
  now_ = std::max(now_, event.at);
  sighting.ended = event.at;
  open_.erase(event.id);
  if (sighting.state == State::waiting) {
    sighting.held.emplace_back(event);
  } else if (sighting.state == State::applied) {
    if (sighting.started.witness == Witness::process && log_followed_.count(sighting.started.server) > 0) {
      sighting.state = State::settling;
      sighting.release_at = now_ + kLogHold;
      sighting.held.emplace_back(event);
    } else {
      requests_.add(event);
    }
  }
}

void WitnessMerge::withdraw(Sighting& sighting) {
  if (sighting.state != State::waiting) requests_.withdraw(sighting.started.id);
  sighting.state = State::same;
  sighting.held.clear();
}

void WitnessMerge::release(Sighting& sighting) {
  sighting.state = State::applied;
  for (const RequestEvent& event : std::exchange(sighting.held, {})) requests_.add(event);
}

void WitnessMerge::name_model(Sighting& log) const {
  if (log.described || log.held.empty()) return;
  const auto* ended = std::get_if<RequestEnded>(&log.held.back());
  if (ended == nullptr || ended->status_code != 200) return;
  const auto model = residency_.only_model(log.started.server);
  if (!model) return;
  RequestDescribed described;
  described.id = log.started.id;
  described.model = *model;
  log.held.insert(log.held.begin() + 1, described);
}

// A request of a stronger witness that ended as the log's line says, and that no other line has taken. The
// one whose duration fits best: the log's is exact, when its line was read is not.
bool WitnessMerge::claim_for_log(const Sighting& log) {
  const Nanoseconds duration = *log.ended - log.started.at;
  const Nanoseconds skew = kDurationSkew + from_seconds(kDurationSkewShare * to_seconds(duration));
  Sighting* best = nullptr;
  Nanoseconds least{};
  for (auto& [id, other] : sightings_) {
    if (other.started.witness >= Witness::log || other.state == State::same || other.seen_by_log) continue;
    if (!other.ended || other.started.server != log.started.server) continue;
    if (other.exact() && other.started.endpoint != log.started.endpoint) continue;
    if (distance(*other.ended, *log.ended) > kLogSkew) continue;
    const Nanoseconds off = distance(*other.ended - other.started.at, duration);
    if (off > skew || (best != nullptr && off >= least)) continue;
    best = &other;
    least = off;
  }
  if (best == nullptr) return false;
  best->seen_by_log = true;
  return true;
}

// The spell that the log's request was the longest part of.
WitnessMerge::Sighting* WitnessMerge::spell_of(const Sighting& log) {
  Sighting* best = nullptr;
  Nanoseconds most{};
  for (auto& [id, weaker] : weaker_) {
    Sighting& other = *weaker;
    if (other.started.witness != Witness::process || other.started.server != log.started.server) continue;
    if (other.state != State::applied && other.state != State::settling) continue;
    const MonotonicTime until = other.ended ? std::min(*other.ended, *log.ended) : *log.ended;
    const Nanoseconds overlap = until - std::max(other.started.at, log.started.at);
    if (overlap <= most) continue;
    most = overlap;
    best = &other;
  }
  return best;
}

void WitnessMerge::settle(Sighting& spell) {
  std::vector<Sighting*> named;
  for (auto& [id, weaker] : weaker_) {
    Sighting& other = *weaker;
    if (other.started.witness == Witness::log && other.state == State::waiting && other.ended &&
        spell_of(other) == &spell)
      named.push_back(&other);
  }
  if (named.empty()) return release(spell);
  for (Sighting* log : named) {
    if (!log->described && spell.described) {
      RequestDescribed described = *spell.described;
      described.id = log->started.id;
      log->held.insert(log->held.begin() + 1, described);
    }
    release(*log);
  }
  withdraw(spell);
}

void WitnessMerge::advance(MonotonicTime now) {
  now_ = std::max(now_, now);
  for (auto& [id, weaker] : weaker_) {
    Sighting& s = *weaker;
    if (s.state != State::waiting || s.started.witness != Witness::log || !s.ended) continue;
    if (claim_for_log(s)) withdraw(s);
  }
  for (auto& [id, weaker] : weaker_) {
    if (weaker->state == State::settling && weaker->release_at <= now) settle(*weaker);
  }
  std::size_t waiting = 0;
  for (auto& [id, weaker] : weaker_) waiting += weaker->state == State::waiting ? 1 : 0;
  for (auto& [id, weaker] : weaker_) {
    Sighting& s = *weaker;
    if (s.state != State::waiting) continue;
    const bool due = s.release_at <= now && (s.started.witness != Witness::log || spell_of(s) == nullptr);
    if (!due && waiting <= kMostWaiting) continue;
    if (s.started.witness == Witness::log) name_model(s);
    release(s);
    --waiting;
  }
  forget_old();
}

void WitnessMerge::forget_old() {
  if (now_ - forgot_at_ < 1s) return;
  forgot_at_ = now_;
  std::erase_if(sightings_, [&](const auto& entry) {
    const Sighting& s = entry.second;
    const bool done = s.state == State::applied || s.state == State::same;
    const bool old = done && s.ended && *s.ended + kForgetAfter < now_;
    if (old) weaker_.erase(entry.first);
    return old;
  });
}

bool WitnessMerge::holding() const {
  return std::any_of(weaker_.begin(), weaker_.end(), [](const auto& entry) {
    const Sighting& s = *entry.second;
    return s.state == State::settling || (s.state == State::waiting && !s.ended);
  });
}

}  // namespace tegrascope
