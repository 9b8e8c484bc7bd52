#include "agent/app/ask.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "collectors/ollama/answers.hpp"

namespace tegrascope {
namespace {

constexpr std::chrono::milliseconds kStep{20};

OutboundOptions patient(std::chrono::milliseconds patience) {
  OutboundOptions options;
  options.total_timeout = patience;
  options.max_answer_bytes = 16u << 20;
  return options;
}

class Pending {
 public:
  Outbound::Callback callback() {
    return [promise = promise_](HttpAnswer answer) { promise->set_value(std::move(answer)); };
  }
  HttpAnswer wait(const std::function<void()>& meanwhile) {
    while (answer_.wait_for(kStep) != std::future_status::ready)
      if (meanwhile) meanwhile();
    return answer_.get();
  }

 private:
  std::shared_ptr<std::promise<HttpAnswer>> promise_ = std::make_shared<std::promise<HttpAnswer>>();
  std::future<HttpAnswer> answer_ = promise_->get_future();
};

std::string trouble_of(const HttpAnswer& answer, const std::string& path) {
  if (answer.failure != HttpFailure::none) return answer.error;
  if (answer.status != 200)
    return "GET " + path + " was answered with status " + std::to_string(answer.status);
  return "GET " + path + " was not answered as Ollama does";
}

}  // namespace

Ask::Ask(std::string base_url, std::chrono::milliseconds patience)
    : base_url_(std::move(base_url)), patient_(patient(patience)) {}

HttpAnswer Ask::get(const std::string& path) {
  Pending pending;
  quick_.get(base_url_ + path, pending.callback());
  return pending.wait({});
}

HttpAnswer Ask::post(const std::string& path, const std::string& body,
                     const std::function<void()>& meanwhile) {
  Pending pending;
  patient_.post_json(base_url_ + path, body, pending.callback());
  return pending.wait(meanwhile);
}

ServerState Ask::state(const OllamaServer& server, bool with_installed) {
  ServerState state;
  state.server = server;
  state.at = monotonic_now();
  const HttpAnswer version = get("/api/version");
  if (version.status == 200) state.version = parse_version(version.body).value_or("");
  const HttpAnswer ps = version.failure == HttpFailure::none ? get("/api/ps") : version;
  auto models = ps.status == 200 ? parse_ps(ps.body) : std::nullopt;
  if (!models) {
    state.error = trouble_of(ps, "/api/ps");
    return state;
  }
  state.up = state.models_known = true;
  state.models = *std::move(models);
  if (!with_installed) return state;
  const HttpAnswer tags = get("/api/tags");
  const auto installed = tags.status == 200 ? parse_tags(tags.body) : std::nullopt;
  if (!installed) return state;
  state.installed_models = installed->count;
  state.remote_models = installed->remote;
  for (ResidentModel& model : state.models) {
    const auto size = installed->file_bytes.find(model.digest);
    if (size != installed->file_bytes.end()) model.file_bytes = size->second;
  }
  return state;
}

}  // namespace tegrascope
