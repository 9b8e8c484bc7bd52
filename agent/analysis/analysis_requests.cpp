// The analysis' half that is about single requests: what one came to once it has ended.
#include <algorithm>
#include <utility>

#include "agent/analysis/analysis.hpp"
#include "agent/attribution/roofline.hpp"

namespace tegrascope {
namespace {

constexpr const char* kSuspended = "suspended";
constexpr std::size_t kRecentRequests = 64;
constexpr std::int64_t kMinTokensForJoules = 16;

}  // namespace

RequestRecord Analysis::record_of(const LiveRequest& request, const Attribution::Finished& finished) const {
  RequestRecord r;
  r.id = request.started.id;
  r.witness = request.started.witness;
  r.server = request.key.server;
  r.model = request.key.model;
  r.endpoint = request.started.endpoint;
  r.operation = request.started.operation;
  r.streamed = request.streamed;
  r.remote = request.remote;
  r.outcome = request.ended->outcome;
  r.status_code = request.ended->status_code;
  r.started = request.started.at;
  r.ended = request.ended->at;
  r.first_content = request.first_content;
  if (request.ended->counts) {
    r.prompt_tokens = request.ended->counts->prompt_tokens;
    r.output_tokens = request.ended->counts->output_tokens;
  }
  if (!r.output_tokens && request.counted_output > 0) {
    r.output_tokens = static_cast<std::int64_t>(request.counted_output);
    r.tokens_estimated = true;
  }
  for (const PhaseWindow& w : finished.windows.windows) r.phase_time[w.phase] += w.end - w.begin;
  r.phase_amounts = finished.amounts;
  r.solo_joules = finished.solo_joules;
  r.energy_known = finished.energy_known;
  r.gpu_known = finished.gpu_known;
  r.reasons = finished.reasons;
  r.energy_interval_nj = finished.energy_interval_nj;
  r.quality = finished.quality;
  if (request.suspended) r.reasons.emplace_back(kSuspended);
  r.decode = finished.decode;
  r.decode.output_tokens = static_cast<std::int64_t>(request.counted_output);
  return r;
}

void Analysis::judge_finished(const Attribution::Finished& finished) {
  LiveRequest* request = requests_.find(finished.id);
  if (request == nullptr) return;
  RequestRecord record = record_of(*request, finished);
  add_roofline(*request, record);
  ModelView& view = models_.view(request->key);
  count_phases(*request, finished.windows);

  const std::string done = request->ended->counts ? request->ended->counts->done_reason : "";
  if (done != "load" && done != "unload") {
    record.verdict = desk_.judge_finished(*request, finished);
    record.decode.runner_threads = options_.attribution.cores;
    if (request->runner && request->runner->threads) record.decode.runner_threads = request->runner->threads;
    explain_fallback(request->key, record.verdict);
    ++view.verdicts[record.verdict.placement];
  }
  keep(std::move(record));
}

void Analysis::keep(RequestRecord&& record) {
  judged_.push_back(record);
  unbooked_.insert_or_assign(record.id, record);
  recent_.push_back(std::move(record));
  if (recent_.size() > kRecentRequests) recent_.pop_front();
  request_ended_ = true;
}

// Requests that another host computed have a record and their time by phase, no share of the board and no
// verdict.
void Analysis::finish_remote() {
  std::vector<RequestId> done;
  for (const auto& [id, request] : requests_.live()) {
    if (!request.remote || !request.ended) continue;
    done.push_back(id);
    Attribution::Finished finished;
    finished.id = id;
    finished.windows = cut_windows(observed(request));
    finished.reasons = finished.windows.reasons;
    finished.reasons.emplace_back("remote");
    count_phases(request, finished.windows);
    keep(record_of(request, finished));
    const auto record = unbooked_.extract(id);
    if (options_.on_booked) options_.on_booked(record.mapped());
  }
  for (const RequestId id : done) requests_.forget(id);
  // A stronger witness may have taken the place of one that was judged.
  std::erase_if(unbooked_, [this](const auto& entry) { return requests_.find(entry.first) == nullptr; });
}

void Analysis::count_phases(const LiveRequest& request, const RequestWindows& windows) {
  ModelView& view = models_.view(request.key);
  for (const PhaseWindow& w : windows.windows) {
    Nanoseconds time = w.end - w.begin;
    if (w.phase == Phase::decode) time = std::max(time - request.counted_decode, Nanoseconds::zero());
    view.phase_ns[w.phase] += time.count();
  }
}

void Analysis::count_booked(const Attribution::Finished& booked) {
  auto judged = unbooked_.extract(booked.id);
  if (!judged.empty()) {
    RequestRecord& record = judged.mapped();
    record.phase_amounts = booked.amounts;
    record.reasons = booked.reasons;
    record.energy_interval_nj = booked.energy_interval_nj;
    record.quality = booked.quality;
    ++models_.view({record.server, record.model}).qualities[record.quality];
    mark_impossible(record);
    const LiveRequest* request = requests_.find(booked.id);
    if (request != nullptr && request->suspended) record.reasons.emplace_back(kSuspended);
    record.solo_joules = booked.solo_joules;
    const auto shown = std::find_if(recent_.begin(), recent_.end(),
                                    [&](const RequestRecord& r) { return r.id == booked.id; });
    if (shown != recent_.end()) recent_.replace(shown, record);
    if (record.energy_known && record.output_tokens.value_or(0) >= kMinTokensForJoules) {
      double joules = 0;
      for (const auto& [phase, amounts] : booked.amounts) {
        if (phase != Phase::load) joules += static_cast<double>(amounts.energy_nj) * 1e-9;
      }
      models_.view({record.server, record.model})
          .joules_per_token.observe(joules / static_cast<double>(*record.output_tokens));
    }
    if (options_.on_booked) options_.on_booked(record);
  }
  requests_.forget(booked.id);
}

std::vector<RequestRecord> Analysis::take_judged() { return std::exchange(judged_, {}); }

}  // namespace tegrascope
