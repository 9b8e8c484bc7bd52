#include "agent/attribution/windows.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

// Durations of Ollama's and times of ours may disagree by the time a chunk takes to reach us.
constexpr Nanoseconds kAgreement = std::chrono::milliseconds(50);

void append(RequestWindows& out, Phase phase, MonotonicTime begin, MonotonicTime end) {
  // Not push_back: gcc 12 at -O3 falsely warns of an overflow there.
  if (end > begin) out.windows.insert(out.windows.end(), PhaseWindow{phase, begin, end});
}

// Ollama tells a load of milliseconds for a model that is in memory.
constexpr Nanoseconds kRealLoad = std::chrono::milliseconds(300);

// [begin, end) is what the server calls load.
void append_load(RequestWindows& out, const ObservedRequest& r, MonotonicTime begin, MonotonicTime end) {
  if (end - begin < kRealLoad) {
    append(out, Phase::load, begin, end);
  } else if (r.load_of_another) {
    append(out, Phase::queue, begin, end);
  } else if (r.load_began) {
    const MonotonicTime from = std::clamp(*r.load_began, begin, end);
    append(out, Phase::queue, begin, from);
    append(out, Phase::load, from, end);
  } else {
    append(out, Phase::load, begin, end);
    out.reasons.emplace_back("load_not_split");
  }
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
  append_load(out, r, begin, load_end);
  append(out, Phase::queue, load_end, prefill_begin);
  append(out, Phase::prefill, prefill_begin, decode_begin);
  append(out, Phase::decode, decode_begin, end);
  if (mismatch) out.reasons.emplace_back("clock_mismatch");
  return out;
}

RequestWindows from_stream(const ObservedRequest& r) {
  RequestWindows out;
  // Nobody tells when a model that was loaded meanwhile was ready: its load is in what follows.
  MonotonicTime begin = r.started;
  if (r.load_began) begin = std::clamp(*r.load_began, r.started, r.ended);
  append(out, Phase::queue, r.started, begin);
  if (r.operation == Operation::embed) {
    append(out, Phase::prefill, begin, r.ended);
  } else if (r.streamed && r.first_content) {
    const MonotonicTime first = std::clamp(*r.first_content, begin, r.ended);
    append(out, Phase::prefill, begin, first);
    append(out, Phase::decode, first, r.ended);
  } else {
    append(out, Phase::unknown, begin, r.ended);
  }
  out.reasons.emplace_back("no_durations");
  return out;
}

}  // namespace

RequestWindows cut_windows(const ObservedRequest& request) {
  if (request.counts && (request.counts->done_reason == "load" || request.counts->done_reason == "unload")) {
    // A request that only loads or unloads a model computes nothing else.
    RequestWindows out;
    if (request.counts->done_reason == "load") {
      append_load(out, request, request.started, request.ended);
    } else {
      append(out, Phase::queue, request.started, request.ended);
    }
    return out;
  }
  RequestWindows out = has_durations(request) ? from_durations(request) : from_stream(request);
  if (request.outcome != Outcome::ok) out.reasons.emplace_back("incomplete");
  return out;
}

}  // namespace tegrascope
