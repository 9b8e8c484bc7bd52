#include "simulator/virtual/witness.hpp"

#include <algorithm>
#include <cmath>

namespace tegrascope::simulator {
namespace {

Operation operation_of(Api api) {
  switch (api) {
    case Api::chat:
    case Api::openai:
      return Operation::chat;
    case Api::generate:
    case Api::load:
      return Operation::generate;
    case Api::embed:
      return Operation::embed;
  }
  return Operation::other;
}

}  // namespace

const char* endpoint_of(Api api) {
  switch (api) {
    case Api::chat:
      return "/api/chat";
    case Api::generate:
    case Api::load:
      return "/api/generate";
    case Api::openai:
      return "/v1/chat/completions";
    case Api::embed:
      return "/api/embed";
  }
  return "other";
}

VirtualWitness::VirtualWitness(const VirtualScenario& scenario, std::uint64_t seed)
    : random_(seed ^ 0xD1B54A32D192ED03ULL),
      jitter_seconds_(scenario.jitter_ms / 1000.0),
      traffic_(scenario.traffic) {}

MonotonicTime VirtualWitness::delayed(Seen& seen, MonotonicTime at) {
  const double delay = std::abs(std::normal_distribution<>(0.0, 1.0)(random_)) * jitter_seconds_;
  seen.last = std::max(seen.last, at + from_seconds(delay));
  return seen.last;
}

void VirtualWitness::send(MonotonicTime at, RequestEvent event) {
  queue_.push({next_order_++, {at, std::move(event)}});
}

void VirtualWitness::received(const Job& job, MonotonicTime at) {
  const VirtualRequest& r = job.truth;
  const MonotonicTime seen_at = delayed(seen_[r.id], at);
  RequestStarted started;
  started.id = r.id;
  started.witness = Witness::relay;
  started.server = "127.0.0.1:11434";
  started.endpoint = endpoint_of(r.api);
  started.operation = operation_of(r.api);
  started.at = seen_at;
  send(seen_at, started);
  RequestDescribed described;
  described.id = r.id;
  described.model = r.model;
  described.streamed = r.streamed;
  described.gpu_layers = traffic_[job.group].num_gpu;
  send(seen_at, described);
}

Histogram VirtualWitness::gaps(Seen& seen, std::uint64_t chunks, MonotonicTime at) const {
  Histogram histogram(kInterTokenEdges);
  if (chunks <= seen.chunks) return histogram;
  const double gap = to_seconds(at - seen.last) / static_cast<double>(chunks - seen.chunks);
  for (std::uint64_t i = seen.chunks; i < chunks; ++i) histogram.observe(gap);
  seen.chunks = chunks;
  return histogram;
}

void VirtualWitness::first_token(const Job& job, MonotonicTime at) {
  if (!job.truth.streamed) return;
  Seen& seen = seen_[job.truth.id];
  seen.first = delayed(seen, at);
  seen.chunks = 1;
  RequestProgress progress;
  progress.id = job.truth.id;
  progress.at = *seen.first;
  progress.first_content = seen.first;
  progress.content_chunks = 1;
  progress.chunk_gaps = Histogram(kInterTokenEdges);
  send(progress.at, progress);
}

std::uint64_t VirtualWitness::chunks_of(const Job& job, std::int64_t tokens) const {
  const int each = traffic_[job.group].tokens_per_chunk;
  return static_cast<std::uint64_t>(std::max<std::int64_t>((tokens + each - 1) / each, 1));
}

void VirtualWitness::streaming(const Job& job, std::int64_t tokens, MonotonicTime at) {
  Seen& seen = seen_[job.truth.id];
  RequestProgress progress;
  progress.id = job.truth.id;
  progress.first_content = seen.first;
  progress.content_chunks = chunks_of(job, tokens);
  progress.chunk_gaps = gaps(seen, progress.content_chunks, at);
  progress.at = delayed(seen, at);
  send(progress.at, progress);
}

void VirtualWitness::ended(const Job& job, MonotonicTime at) {
  const VirtualRequest& r = job.truth;
  Seen& seen = seen_[r.id];
  RequestEnded ended;
  ended.id = r.id;
  ended.first_content = seen.first;
  const bool cut = r.cancelled || r.failed;
  ended.status_code = 200;
  if (r.failed) {
    ended.status_code = seen.first ? 200 : 500;
    ended.outcome = seen.first ? Outcome::upstream_aborted : Outcome::error;
  } else if (r.cancelled) {
    ended.status_code = 499;
    ended.outcome = Outcome::client_aborted;
  }
  ended.chunk_gaps = Histogram(kInterTokenEdges);
  if (r.streamed) {
    ended.content_chunks = r.output_tokens > 0 ? chunks_of(job, r.output_tokens) : 0;
    ended.chunk_gaps = gaps(seen, ended.content_chunks, at);
  }
  ended.at = delayed(seen, at);
  if (!cut) {
    FinalCounts counts;
    if (r.api == Api::load) {
      counts.done_reason = "load";
    } else if (r.api != Api::openai) {
      // The server's own clock reads have a cost, its durations some microseconds of noise.
      const auto noisy = [&](Nanoseconds d) {
        return std::max(d + from_seconds(std::normal_distribution<>(0, 20e-6)(random_)), Nanoseconds{1});
      };
      counts.total_duration = noisy(r.ended - r.received);
      counts.load_duration = noisy(r.load_duration);
      if (r.api != Api::embed) {
        counts.prompt_eval_duration = noisy(r.prompt_eval_duration);
        counts.eval_duration = noisy(r.eval_duration);
        counts.done_reason = "stop";
      }
    }
    if (r.prompt_tokens > 0) counts.prompt_tokens = r.prompt_tokens;
    if (r.output_tokens > 0) counts.output_tokens = r.output_tokens;
    ended.counts = counts;
  }
  send(ended.at, ended);
  seen_.erase(r.id);
}

MonotonicTime VirtualWitness::next_time() const {
  return queue_.empty() ? MonotonicTime::max() : queue_.top().seen.at;
}

std::vector<SeenEvent> VirtualWitness::take_until(MonotonicTime t) {
  std::vector<SeenEvent> out;
  while (next_time() <= t) {
    out.push_back(queue_.top().seen);
    queue_.pop();
  }
  return out;
}

}  // namespace tegrascope::simulator
