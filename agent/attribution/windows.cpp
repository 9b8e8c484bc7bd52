#include "agent/attribution/windows.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

// Durations of Ollama's and times of ours may disagree by the time a chunk takes to reach us.
constexpr Nanoseconds kAgreement = std::chrono::milliseconds(50);

void append(RequestWindows& out, Phase phase, MonotonicTime begin, MonotonicTime end) {
  if (end > begin) out.windows.push_back({phase, begin, end});
}

// A duration of the server's, within what can be told of a request of this length: beyond it only the mismatch counts.
Nanoseconds bounded(const std::optional<Nanoseconds>& d, Nanoseconds length) {
  return std::clamp(d.value_or(Nanoseconds::zero()), Nanoseconds::zero(), length + 2 * kAgreement);
}

bool has_durations(const ObservedRequest& r) {
  return r.counts && (r.counts->total_duration || r.counts->eval_duration || r.counts->prompt_eval_duration);
}

RequestWindows from_durations(const ObservedRequest& r) {
  RequestWindows out;
  const MonotonicTime begin = r.started;
  const MonotonicTime end = r.ended;
  // An embedding has no eval: everything after the load is prefill.
  const bool embedding = r.operation == Operation::embed;
  const Nanoseconds decode = embedding ? Nanoseconds::zero() : bounded(r.counts->eval_duration, end - begin);
  const Nanoseconds load = bounded(r.counts->load_duration, end - begin);
  const Nanoseconds prefill = bounded(r.counts->prompt_eval_duration, end - begin);

  const MonotonicTime decode_begin = std::max(begin, end - decode);
  MonotonicTime prefill_begin =
      embedding ? std::min(end, begin + load) : std::max(begin, decode_begin - prefill);
  MonotonicTime load_end = begin + load;
  bool mismatch = end - decode < begin - kAgreement;
  if (load_end > prefill_begin) {
    mismatch = mismatch || load_end - prefill_begin > kAgreement;
    load_end = prefill_begin;
  }
  append(out, Phase::load, begin, load_end);
  append(out, Phase::queue, load_end, prefill_begin);
  append(out, Phase::prefill, prefill_begin, decode_begin);
  append(out, Phase::decode, decode_begin, end);
  if (mismatch) out.reasons.emplace_back("clock_mismatch");
  return out;
}

RequestWindows from_stream(const ObservedRequest& r) {
  RequestWindows out;
  if (r.operation == Operation::embed) {
    append(out, Phase::prefill, r.started, r.ended);
  } else if (r.streamed && r.first_content) {
    const MonotonicTime first = std::clamp(*r.first_content, r.started, r.ended);
    append(out, Phase::prefill, r.started, first);
    append(out, Phase::decode, first, r.ended);
  } else {
    append(out, Phase::unknown, r.started, r.ended);
  }
  out.reasons.emplace_back("no_durations");
  return out;
}

}  // namespace

RequestWindows cut_windows(const ObservedRequest& request) {
  if (request.counts && (request.counts->done_reason == "load" || request.counts->done_reason == "unload")) {
    // A request that only loads or unloads a model computes nothing else.
    RequestWindows out;
    append(out, request.counts->done_reason == "load" ? Phase::load : Phase::queue, request.started,
           request.ended);
    return out;
  }
  RequestWindows out = has_durations(request) ? from_durations(request) : from_stream(request);
  if (request.outcome != Outcome::ok) out.reasons.emplace_back("incomplete");
  return out;
}

}  // namespace tegrascope
