#include "agent/accuracy/placement_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "simulator/board.hpp"

namespace tegrascope::accuracy {
namespace {

using simulator::VirtualRequest;

constexpr Nanoseconds kSettle = std::chrono::seconds{30};
constexpr Nanoseconds kShortestDecode = std::chrono::seconds{1};
constexpr std::int64_t kFewestTokens = 16;
// Witnesses other than relay and capture begin to look when a runner is seen at work: two slots of idle sampling and one of
// /slots later.
constexpr Nanoseconds kNoticedLate = std::chrono::milliseconds{2750};
// The verdict on a request comes this long after its end at most: watermark, hold of the witnesses, snapshot.
constexpr Nanoseconds kVerdictDelay = std::chrono::milliseconds{3500};

bool is_eligible(const VirtualRequest& r) {
  return r.eval_duration >= kShortestDecode && r.output_tokens >= kFewestTokens;
}

// The agent saw enough of it.
bool is_judged(const VirtualRequest& r, const RequestRecord* record) {
  const bool exact =
      record == nullptr || record->witness == Witness::relay || record->witness == Witness::capture;
  return is_eligible(r) && (exact || r.eval_duration >= kShortestDecode + kNoticedLate);
}

Nanoseconds overlap(const VirtualRequest& truth, const RequestRecord& record) {
  return std::min(truth.ended, record.ended) - std::max(truth.received, record.started);
}

// A relay's record by its id; else the strongest witness's, and of its records that with the most common time.
const RequestRecord* record_of(const VirtualRequest& truth, const std::vector<RequestRecord>& records) {
  const RequestRecord* best = nullptr;
  Nanoseconds most{};
  for (const RequestRecord& record : records) {
    if (record.id == truth.id + VirtualAgent::kRelayed) return &record;
    if (record.id > VirtualAgent::kRelayed || record.model != truth.model) continue;
    const Nanoseconds common = overlap(truth, record);
    if (common <= Nanoseconds::zero() || (best != nullptr && record.witness > best->witness)) continue;
    const bool stronger = best != nullptr && record.witness < best->witness;
    if (!stronger && common <= most) continue;
    most = common;
    best = &record;
  }
  return best;
}

std::optional<Placement> gauge_at(const PlacementRun& run, const std::string& model, MonotonicTime t) {
  std::optional<Placement> shown;
  for (const GaugeChange& change : run.gauge)
    if (change.model == model && change.at <= t) shown = change.placement;
  return shown;
}

std::optional<MonotonicTime> gauge_says(const PlacementRun& run, const std::string& model,
                                        Placement placement, MonotonicTime from, MonotonicTime until) {
  if (gauge_at(run, model, from) == placement) return from;
  for (const GaugeChange& change : run.gauge)
    if (change.model == model && change.placement == placement && change.at >= from && change.at < until)
      return change.at;
  return std::nullopt;
}

double decoded_until(const VirtualRequest& r, MonotonicTime t) {
  if (r.eval_duration <= Nanoseconds::zero() || r.decode_began >= t) return 0;
  return to_seconds(std::min(t - r.decode_began, r.eval_duration));
}

void measure(Episode& episode, const PlacementRun& run, const std::vector<const VirtualRequest*>& requests,
             MonotonicTime until) {
  const auto said = gauge_says(run, episode.model, episode.placement, requests.front()->received, until);
  if (!said) return;
  int before = 0;
  bool first_ended = false;
  for (const VirtualRequest* r : requests) {
    episode.decode_seconds += decoded_until(*r, *said);
    if (!is_eligible(*r)) continue;
    if (!first_ended) episode.at_load = *said < r->decode_began + kShortestDecode;
    first_ended = true;
    if (r->ended + kVerdictDelay < *said) ++before;
  }
  episode.requests = before + 1;
}

// Requests of a model in the order of their decode, cut where the truth changes.
void find_episodes(PlacementRun& run) {
  std::map<std::string, std::vector<const VirtualRequest*>> by_model;
  for (const JudgedRequest& r : run.requests)
    if (r.truth.placement != Placement::unknown) by_model[r.truth.model].push_back(&r.truth);
  for (auto& [model, requests] : by_model) {
    std::sort(requests.begin(), requests.end(),
              [](const auto* a, const auto* b) { return a->received < b->received; });
    for (std::size_t begin = 0; begin < requests.size();) {
      std::size_t end = begin;
      while (end < requests.size() && requests[end]->placement == requests[begin]->placement) ++end;
      const MonotonicTime until = end < requests.size() ? requests[end]->received : MonotonicTime::max();
      const std::vector<const VirtualRequest*> mine(requests.begin() + static_cast<std::ptrdiff_t>(begin),
                                                    requests.begin() + static_cast<std::ptrdiff_t>(end));
      Episode episode;
      episode.model = model;
      episode.placement = mine.front()->placement;
      episode.expected = mine.front()->asked_for_cpu;
      const auto before = gauge_at(run, model, mine.front()->received);
      episode.back = before && *before != Placement::gpu && episode.placement == Placement::gpu;
      measure(episode, run, mine, until);
      run.episodes.push_back(episode);
      begin = end;
    }
  }
}

void find_false_alarms(PlacementRun& run) {
  for (const GaugeChange& change : run.gauge) {
    if (change.placement != Placement::cpu && change.placement != Placement::partial) continue;
    const VirtualRequest* latest = nullptr;
    for (const JudgedRequest& r : run.requests) {
      const bool mine = r.truth.model == change.model && r.truth.placement != Placement::unknown;
      if (mine && r.truth.received <= change.at && (latest == nullptr || r.truth.received > latest->received))
        latest = &r.truth;
    }
    if (latest != nullptr && latest->placement == Placement::gpu) ++run.false_alarms;
  }
}

std::string word(const std::optional<Placement>& placement) {
  return placement ? std::string(to_string(*placement)) : "none";
}

bool holds(const std::vector<std::string>& words, const std::string& w) {
  return std::find(words.begin(), words.end(), w) != words.end();
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " or "));
}

void check_gauge(const PlacementRun& run, const simulator::Expectation& expected,
                 std::vector<std::string>& out) {
  if (expected.placement.empty()) return;
  std::map<std::string, std::pair<MonotonicTime, Placement>> truths;
  for (const JudgedRequest& r : run.requests) {
    auto& [at, placement] = truths[r.truth.model];
    if (r.truth.placement == Placement::unknown || r.truth.received < at) continue;
    at = r.truth.received;
    placement = r.truth.placement;
  }
  for (const auto& [model, truth] : truths) {
    const std::string shown = word(gauge_at(run, model, MonotonicTime::max()));
    const bool true_enough = holds(expected.placement, "truth") && shown == to_string(truth.second);
    if (!true_enough && !holds(expected.placement, shown))
      out.push_back(
          fmt::format("gauge of {} says {} in the end, not {}", model, shown, joined(expected.placement)));
  }
}

void check_verdicts(const PlacementRun& run, const simulator::Expectation& expected,
                    std::vector<std::string>& out) {
  std::map<std::string, int> wrong;
  int shares_off = 0;
  for (const JudgedRequest& r : run.requests) {
    if (!r.record) continue;
    const Verdict& verdict = r.record->verdict;
    const std::string said(to_string(verdict.placement));
    const bool true_enough = holds(expected.verdicts, "truth") && verdict.placement == r.truth.placement;
    if (r.eligible && !expected.verdicts.empty() && !true_enough && !holds(expected.verdicts, said))
      ++wrong[said];
    if (verdict.placement == Placement::partial && verdict.gpu_share &&
        (*verdict.gpu_share < expected.gpu_share.low || *verdict.gpu_share > expected.gpu_share.high))
      ++shares_off;
  }
  for (const auto& [said, count] : wrong)
    out.push_back(fmt::format("{} verdicts say {}, not {}", count, said, joined(expected.verdicts)));
  if (shares_off > 0) out.push_back(fmt::format("{} verdicts name another share on the GPU", shares_off));
}

void check_times(const PlacementRun& run, const simulator::Expectation& expected,
                 std::vector<std::string>& out) {
  for (const Episode& e : run.episodes) {
    const bool fell = e.placement != Placement::gpu;
    const int within = fell ? expected.detect_within : e.back ? expected.clear_within : 0;
    if (within == 0) continue;
    // In flight 10 s of decode are enough, however few requests that is.
    if (!e.requests) {
      out.push_back(fmt::format("{} of {} is never noticed", to_string(e.placement), e.model));
    } else if (*e.requests > within && !(fell && e.decode_seconds <= 10)) {
      out.push_back(fmt::format("{} of {} is noticed after {} requests, {:.0f} s of decode, not {}",
                                to_string(e.placement), e.model, *e.requests, e.decode_seconds, within));
    }
    if (fell && expected.at_load && !e.at_load)
      out.push_back(fmt::format("{} of {} is not told at load", to_string(e.placement), e.model));
  }
}

}  // namespace

PlacementRun run_placement(const simulator::VirtualScenario& scenario, Sight sight, std::uint64_t seed) {
  PlacementRun run;
  std::vector<RequestRecord> records;
  std::map<std::string, std::optional<Placement>> shown;
  VirtualAgentOptions options;
  options.analysis.attribution.cores = simulator::kBoardCores;
  options.analysis.gpu_present = true;
  options.sight = sight;
  options.relayed = scenario.relayed;
  options.log_readable = scenario.log_readable;
  options.busy_interval = from_seconds(1.0 / scenario.rate_hz);
  options.starts = MonotonicTime{from_seconds(scenario.agent_starts)};
  options.seed = seed;
  options.on_judged = [&](const RequestRecord& record) { records.push_back(record); };
  options.on_snapshot = [&](const Snapshot& snapshot) {
    run.fallbacks = 0;
    for (const ModelView& model : snapshot.models) {
      for (const auto& [reason, count] : model.fallbacks) run.fallbacks += count;
      auto& last = shown[model.model];
      if (last == model.placement) continue;
      last = model.placement;
      run.gauge.push_back({snapshot.at, model.model, model.placement});
    }
  };
  simulator::VirtualWorld world(scenario, seed);
  VirtualAgent agent(options);
  const MonotonicTime last_arrival{from_seconds(scenario.duration_seconds)};
  MonotonicTime now{};
  std::optional<MonotonicTime> over_at;
  while (!over_at || now < *over_at + kSettle) {
    now = std::min(world.next_time(), agent.next_time());
    const auto events = world.advance(now);
    agent.step(world, now, events);
    if (!over_at && world.over() && (now >= last_arrival || !scenario.traffic.empty())) over_at = now;
  }
  run.simulated_seconds = to_seconds(now.time_since_epoch());
  std::set<std::string> flags;
  for (const VirtualRequest& truth : world.truth().requests) {
    const RequestRecord* record = record_of(truth, records);
    run.requests.push_back(
        {truth, record == nullptr ? std::nullopt : std::optional(*record), is_judged(truth, record)});
  }
  std::set<std::string> reasons;
  for (const RequestRecord& record : records) {
    flags.insert(record.verdict.flags.begin(), record.verdict.flags.end());
    reasons.insert(record.reasons.begin(), record.reasons.end());
    run.any_verdicts.insert(std::string(to_string(record.verdict.placement)));
  }
  run.reasons.assign(reasons.begin(), reasons.end());
  run.flags.assign(flags.begin(), flags.end());
  find_episodes(run);
  find_false_alarms(run);
  return run;
}

std::vector<std::string> misses(const PlacementRun& run, const simulator::Expectation& expected) {
  std::vector<std::string> out;
  check_gauge(run, expected, out);
  check_verdicts(run, expected, out);
  check_times(run, expected, out);
  if (run.false_alarms > 0) out.push_back(fmt::format("{} false alarms", run.false_alarms));
  if (!expected.alarm && run.fallbacks > 0)
    out.push_back(fmt::format("{} fallbacks counted, none expected", run.fallbacks));
  if (expected.alarm && run.fallbacks == 0) out.push_back("no fallback is counted");
  for (const std::string& flag : expected.flags)
    if (!holds(run.flags, flag)) out.push_back("no verdict is flagged " + flag);
  for (const std::string& reason : expected.reasons)
    if (!holds(run.reasons, reason)) out.push_back("no request has the reason " + reason);
  for (const std::string& said : run.any_verdicts)
    if (!expected.any_verdicts.empty() && !holds(expected.any_verdicts, said))
      out.push_back(fmt::format("a request is judged {}, not {}", said, joined(expected.any_verdicts)));
  return out;
}

}  // namespace tegrascope::accuracy
