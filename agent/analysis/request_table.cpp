#include "agent/analysis/request_table.hpp"

#include <algorithm>

namespace tegrascope {
ObservedRequest observed(const LiveRequest& request) {
  ObservedRequest seen;
  seen.witness = request.started.witness;
  seen.operation = request.started.operation;
  seen.streamed = request.streamed;
  seen.started = request.started.at;
  seen.first_content = request.first_content;
  if (request.ended) {
    seen.ended = request.ended->at;
    seen.outcome = request.ended->outcome;
    seen.counts = request.ended->counts;
  }
  return seen;
}

RequestTable::RequestTable(Attribution& attribution, ModelTable& models, const Residency& residency)
    : attribution_(attribution), models_(models), residency_(residency) {}

void RequestTable::add(const RequestEvent& event) {
  std::visit([this](const auto& e) { on(e); }, event);
}

LiveRequest* RequestTable::find(RequestId id) {
  const auto it = live_.find(id);
  return it == live_.end() ? nullptr : &it->second;
}

void RequestTable::withdraw(RequestId id) {
  attribution_.discard(id);
  live_.erase(id);
}

bool RequestTable::exact_open_on(const std::string& server) const {
  return std::any_of(live_.begin(), live_.end(), [&](const auto& entry) {
    const LiveRequest& r = entry.second;
    return r.exact() && !r.remote && !r.ended && r.started.server == server;
  });
}

void RequestTable::mark_suspended(MonotonicTime since) {
  for (auto& [id, request] : live_) {
    if (!request.ended || request.ended->at >= since) request.suspended = true;
  }
}

void RequestTable::on(const RequestStarted& event) {
  LiveRequest request;
  request.started = event;
  request.key = {event.server, std::string(kOtherModel)};
  attribution_.open(event.id, observed(request), request.key);
  live_.insert_or_assign(event.id, std::move(request));
}

void RequestTable::on(const RequestDescribed& event) {
  LiveRequest* request = find(event.id);
  if (request == nullptr || request->ended) return;
  request->model_name = resolve_model_name(event.model, residency_.kind_of(request->started.server));
  request->streamed = event.streamed;
  request->gpu_layers = event.gpu_layers;
  set_remote(*request, event.remote || residency_.is_remote(request->started.server, request->model_name));
  if (event.runner) {
    request->runner = residency_.runner(*event.runner);
    attribution_.set_runner(event.id, *event.runner, request->runner ? request->runner->began : std::nullopt);
  }
  name_by_runner(*request);
  relabel(event.id, *request);
  find_runner(event.id, *request);
}

// A runner that is just loaded is listed by /api/ps a moment after it began to work.
void RequestTable::name_by_runner(LiveRequest& request) const {
  if (request.model_name.empty() && request.runner)
    request.model_name = residency_.model_of(request.started.server, request.runner->id);
}

void RequestTable::relabel(RequestId id, LiveRequest& request) {
  request.key.model = models_.label(request.model_name);
  // A name that Ollama has not confirmed yet is shown only once something is counted under it.
  if (request.key.model != kOtherModel) models_.view(request.key);
  attribution_.describe(id, request.key, request.streamed);
}

// Told before its phases are known, so that nothing has been booked to it.
void RequestTable::set_remote(LiveRequest& request, bool remote) {
  if (!remote || request.remote) return;
  request.remote = true;
  request.runner.reset();
  attribution_.discard(request.started.id);
}

void RequestTable::find_runner(RequestId id, LiveRequest& request) {
  if (request.remote) return;
  const auto runner = residency_.runner_of(request.started.server, request.model_name);
  if (!runner && request.runner &&
      residency_.runs_another(*request.runner, request.started.server, request.model_name)) {
    request.runner.reset();
    attribution_.clear_runner(id);
  }
  if (!runner || (request.runner && request.runner->id == runner->id)) return;
  // It ended on the one it had, unless the other is known to have begun before.
  if (request.ended && (runner->began ? *runner->began > request.ended->at : request.runner.has_value()))
    return;
  request.runner = runner;
  attribution_.set_runner(id, runner->id, runner->began);
}

void RequestTable::find_runners() {
  for (auto& [id, request] : live_) {
    if (request.ended) {
      find_runner(id, request);
      continue;
    }
    name_by_runner(request);
    set_remote(request, residency_.is_remote(request.started.server, request.model_name));
    if (!request.model_name.empty() && models_.label(request.model_name) != request.key.model)
      relabel(id, request);
    find_runner(id, request);
  }
}

void RequestTable::on(const RequestProgress& event) {
  LiveRequest* request = find(event.id);
  if (request == nullptr || request->ended) return;
  set_remote(*request, event.remote);
  count_stream(*request, event.at, event.content_chunks, event.chunk_gaps, event.first_content);
}

void RequestTable::count_stream(LiveRequest& request, MonotonicTime at, std::uint64_t chunks,
                                const Histogram& gaps, std::optional<MonotonicTime> first_content) {
  if (first_content && !request.first_content) {
    request.first_content = first_content;
    models_.admit(request.model_name);  // Ollama answers for it
    relabel(request.started.id, request);
    attribution_.set_first_content(request.started.id, *first_content);
  }
  ModelView& view = models_.view(request.key);
  if (gaps.count() > 0) view.inter_token_seconds.merge(gaps);
  request.chunks = std::max(request.chunks, chunks);
  if (!request.streamed || !request.first_content) return;
  if (request.chunks > request.counted_output) {
    view.output_tokens += request.chunks - request.counted_output;
    request.counted_output = request.chunks;
  }
  attribution_.set_tokens(request.started.id, static_cast<std::int64_t>(request.counted_output), at);
  const Nanoseconds decode = at - *request.first_content;
  if (decode > request.counted_decode) {
    view.phase_ns[Phase::decode] += (decode - request.counted_decode).count();
    request.counted_decode = decode;
  }
}

void RequestTable::on(const RequestEnded& event) {
  LiveRequest* request = find(event.id);
  if (request == nullptr || request->ended) return;
  set_remote(*request, event.remote);
  name_by_runner(*request);
  if (event.status_code == 200) models_.admit(request->model_name);
  relabel(event.id, *request);
  find_runner(event.id, *request);
  count_stream(*request, event.at, event.content_chunks, event.chunk_gaps, event.first_content);
  request->ended = event;
  count_end(*request, event);
  attribution_.set_tokens(
      event.id, static_cast<std::int64_t>(std::max(request->counted_output, request->chunks)), event.at);
  attribution_.close(event.id, observed(*request));
}

void RequestTable::count_end(LiveRequest& request, const RequestEnded& event) {
  if (!event.observation_error.empty()) count_error(event.observation_error);
  ModelView& view = models_.view(request.key);
  models_.see(request.key, event.at);
  if (request.named()) {
    ++view.requests[{request.started.endpoint, event.status_code}];
    if (event.outcome == Outcome::client_aborted) ++view.aborted["client"];
    // An error object inside a stream comes after the status 200: it, too, ends before Ollama's last chunk.
    const bool error_in_stream = event.outcome == Outcome::error && event.status_code < 400;
    if (event.outcome == Outcome::upstream_aborted || error_in_stream) ++view.aborted["upstream"];
    const bool loads_only =
        event.counts && (event.counts->done_reason == "load" || event.counts->done_reason == "unload");
    const Operation operation = loads_only ? Operation::other : request.started.operation;
    auto& duration = view.duration_seconds.try_emplace(operation, kRequestDurationEdges).first->second;
    duration.observe(to_seconds(event.at - request.started.at));
    if (request.streamed && request.first_content) {
      view.first_token_seconds.observe(to_seconds(*request.first_content - request.started.at));
    }
  }
  if (!event.counts) return;
  if (event.counts->prompt_tokens)
    view.input_tokens += static_cast<std::uint64_t>(*event.counts->prompt_tokens);
  const auto output =
      static_cast<std::uint64_t>(std::max<std::int64_t>(event.counts->output_tokens.value_or(0), 0));
  if (output > request.counted_output) {
    view.output_tokens += output - request.counted_output;
    request.counted_output = output;
  }
}

}  // namespace tegrascope
