#include "collectors/ollama/poll.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "collectors/ollama/answers.hpp"

namespace tegrascope {
namespace {

using ModelKey = std::pair<std::string, std::string>;  // name, digest

constexpr std::size_t kMaxKnownModels = 256;

// One watched server; outbound thread only.
struct Target {
  ServerState state;
  bool polling = false;
  bool poll_again = false;  // asked for while polling
  std::optional<MonotonicTime> last_poll;
  std::optional<MonotonicTime> last_version;        // absent: ask first in the next round
  std::uint64_t timer = 0;                          // the latest; older ones do nothing
  std::map<ModelKey, ModelDetails> details;         // answers of /api/show
  bool showing = false;                             // /api/show is under way
  std::map<std::string, std::uint64_t> file_bytes;  // by digest, of the last /api/tags
  std::set<std::string> not_listed;                 // digests that the last /api/tags lacks
  bool listing = false;                             // /api/tags is under way
  bool list_due = true;
};
using TargetPtr = std::shared_ptr<Target>;

std::string status_error(const char* path, const HttpAnswer& answer) {
  if (answer.failure != HttpFailure::none) return answer.error;
  if (answer.status != 200) return std::string{path} + " answered HTTP " + std::to_string(answer.status);
  return std::string{path} + " answered with something that is not Ollama's JSON";
}

}  // namespace

class Poller::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Outbound& outbound, PollOptions options, Sink sink)
      : outbound_(outbound), options_(options), sink_(std::move(sink)) {}

  // Runs `work` on the outbound thread, unless stopped by then.
  void post(std::function<void(Core&)> work) { call_at(MonotonicTime{}, std::move(work)); }

  // Any thread.
  void request_soon(std::string_view name) {
    const std::lock_guard lock{soon_mutex_};
    if (!soon_.insert(std::string{name}).second || soon_.size() > 1) return;
    post([](Core& core) { core.poll_requested(); });
  }

  void stop() {
    const std::lock_guard lock{sink_mutex_};
    stopped_ = true;
  }

  void set_servers(std::vector<OllamaServer> servers) {
    std::vector<TargetPtr> targets;
    std::vector<TargetPtr> added;
    for (OllamaServer& server : servers) {
      const auto known = std::find_if(targets_.begin(), targets_.end(), [&](const TargetPtr& t) {
        return t->state.server.name == server.name && t->state.server.url == server.url;
      });
      TargetPtr target = known == targets_.end() ? std::make_shared<Target>() : *known;
      if (known == targets_.end()) added.push_back(target);
      target->state.server = std::move(server);
      targets.push_back(std::move(target));
    }
    targets_ = std::move(targets);
    for (const TargetPtr& target : added) begin_round(target);
  }

  void set_busy(bool busy) {
    if (busy_ == busy) return;
    busy_ = busy;
    for (const TargetPtr& target : targets_) {
      if (!target->polling) schedule(target, next_regular(*target));
    }
  }

 private:
  void call_at(MonotonicTime when, std::function<void(Core&)> work) {
    outbound_.call_at(when, [weak = weak_from_this(), work = std::move(work)] {
      if (const auto core = weak.lock(); core && !core->stopped_) work(*core);
    });
  }

  // Wraps what to do with an answer for a target that may be gone by then.
  Outbound::Callback on_answer(const TargetPtr& target, void (Core::*handle)(const TargetPtr&, HttpAnswer)) {
    return [weak = weak_from_this(), target, handle](HttpAnswer answer) {
      const auto core = weak.lock();
      if (core && !core->stopped_ && core->watched(target)) ((*core).*handle)(target, std::move(answer));
    };
  }

  bool watched(const TargetPtr& target) const {
    return std::find(targets_.begin(), targets_.end(), target) != targets_.end();
  }

  void poll_requested() {
    std::set<std::string> names;
    {
      const std::lock_guard lock{soon_mutex_};
      names.swap(soon_);
    }
    for (const TargetPtr& target : targets_) {
      if (!names.contains(target->state.server.name)) continue;
      if (target->polling) {
        target->poll_again = true;
      } else {
        schedule(target, soonest(*target));
      }
    }
  }

  MonotonicTime soonest(const Target& target) const {
    const MonotonicTime now = monotonic_now();
    return target.last_poll ? std::max(now, *target.last_poll + options_.shortest_gap) : now;
  }

  MonotonicTime next_regular(const Target& target) const {
    const bool often = busy_ || !target.state.models.empty();
    const auto interval = often ? options_.busy_interval : options_.idle_interval;
    return std::max(soonest(target), target.last_poll.value_or(monotonic_now()) + interval);
  }

  void schedule(const TargetPtr& target, MonotonicTime when) {
    call_at(when, [target, timer = ++target->timer](Core& core) {
      if (target->timer == timer && !target->polling && core.watched(target)) core.begin_round(target);
    });
  }

  void begin_round(const TargetPtr& target) {
    const MonotonicTime now = monotonic_now();
    target->polling = true;
    target->poll_again = false;
    target->last_poll = now;
    if (target->state.server.kind == UpstreamKind::openai) {
      outbound_.get(target->state.server.url + "/health", on_answer(target, &Core::take_health));
    } else if (target->last_version && now - *target->last_version < options_.version_interval) {
      ask_models(target);
    } else {
      outbound_.get(target->state.server.url + "/api/version", on_answer(target, &Core::take_version));
    }
  }

  void take_version(const TargetPtr& target, HttpAnswer answer) {
    if (answer.failure != HttpFailure::none) return fail(target, answer, answer.error);
    auto version = answer.status == 200 ? parse_version(answer.body) : std::nullopt;
    target->state.version = version.value_or("");
    target->last_version = version ? std::optional{monotonic_now()} : std::nullopt;
    target->list_due = true;
    ask_models(target);
  }

  // llama.cpp and vLLM answer /health with 200, llama.cpp with 503 while it loads.
  void take_health(const TargetPtr& target, HttpAnswer answer) {
    if (answer.failure == HttpFailure::none && answer.status == 404) {
      outbound_.get(target->state.server.url + "/v1/models", on_answer(target, &Core::take_openai_models));
      return;
    }
    finish_health(target, answer, "/health");
  }

  void take_openai_models(const TargetPtr& target, HttpAnswer answer) {
    finish_health(target, answer, "/v1/models");
  }

  void finish_health(const TargetPtr& target, const HttpAnswer& answer, const char* path) {
    if (answer.failure != HttpFailure::none || answer.status != 200)
      return fail(target, answer, status_error(path, answer));
    target->state.up = true;
    target->state.error.clear();
    finish_round(target);
  }

  void ask_models(const TargetPtr& target) {
    outbound_.get(target->state.server.url + "/api/ps", on_answer(target, &Core::take_models));
  }

  void take_models(const TargetPtr& target, HttpAnswer answer) {
    auto models =
        answer.failure == HttpFailure::none && answer.status == 200 ? parse_ps(answer.body) : std::nullopt;
    const bool too_old =
        answer.failure == HttpFailure::none && answer.status == 404 && !target->state.version.empty();
    if (!models && !too_old) return fail(target, answer, status_error("/api/ps", answer));
    target->state.up = true;
    target->state.error.clear();
    target->state.models_known = models.has_value();
    target->state.models = std::move(models).value_or(std::vector<ResidentModel>{});
    fill_models(*target);
    finish_round(target);
    ask_details(target);
    ask_installed(target);
  }

  void fail(const TargetPtr& target, const HttpAnswer& answer, std::string error) {
    ServerState& state = target->state;
    state.up = false;
    state.error = std::move(error);
    state.models_known = false;
    state.models.clear();
    if (answer.failure == HttpFailure::unreachable) state.version.clear();
    target->last_version.reset();
    finish_round(target);
  }

  void finish_round(const TargetPtr& target) {
    target->polling = false;
    target->state.at = monotonic_now();
    deliver(target);
    schedule(target, target->poll_again ? soonest(*target) : next_regular(*target));
  }

  // What is known of the resident models from other answers than /api/ps.
  static void fill_models(Target& target) {
    for (ResidentModel& model : target.state.models) {
      const auto& remote = target.state.remote_models;
      model.remote = std::find(remote.begin(), remote.end(), model.name) != remote.end();
      if (const auto file = target.file_bytes.find(model.digest); file != target.file_bytes.end())
        model.file_bytes = file->second;
      const auto known = target.details.find({model.name, model.digest});
      if (known == target.details.end()) continue;
      model.model_blob = known->second.blob;
      model.shape = known->second.shape;
      model.remote = model.remote || known->second.remote;
    }
  }

  void ask_details(const TargetPtr& target) {
    if (target->showing) return;
    const auto& models = target->state.models;
    const auto next = std::find_if(models.begin(), models.end(), [&](const ResidentModel& m) {
      return !target->details.contains({m.name, m.digest});
    });
    if (next == models.end()) return;
    target->showing = true;
    const ModelKey key{next->name, next->digest};
    // `name` is what Ollama before 0.1.42 reads, `model` what later ones do.
    const std::string body = nlohmann::json{{"model", key.first}, {"name", key.first}}.dump();
    outbound_.post_json(target->state.server.url + "/api/show", body,
                        [weak = weak_from_this(), target, key](HttpAnswer answer) {
                          const auto core = weak.lock();
                          if (core && !core->stopped_ && core->watched(target))
                            core->take_details(target, key, answer);
                        });
  }

  void take_details(const TargetPtr& target, const ModelKey& key, const HttpAnswer& answer) {
    target->showing = false;
    // Asked again with the next round.
    if (answer.failure == HttpFailure::unreachable || answer.failure == HttpFailure::timeout) return;
    if (target->details.size() >= kMaxKnownModels) target->details.clear();
    target->details[key] = answer.status == 200 ? parse_show(answer.body) : ModelDetails{};
    fill_models(*target);
    deliver(target);
    ask_details(target);
  }

  void ask_installed(const TargetPtr& target) {
    const auto is_new = [&](const ResidentModel& m) {
      return !m.digest.empty() && !m.file_bytes && !target->not_listed.contains(m.digest);
    };
    const auto& models = target->state.models;
    const bool due = target->list_due || std::any_of(models.begin(), models.end(), is_new);
    if (target->listing || !due) return;
    target->listing = true;
    outbound_.get(target->state.server.url + "/api/tags", on_answer(target, &Core::take_installed));
  }

  void take_installed(const TargetPtr& target, HttpAnswer answer) {
    target->listing = false;
    if (answer.failure == HttpFailure::unreachable || answer.failure == HttpFailure::timeout) return;
    target->list_due = false;
    auto installed = answer.status == 200 ? parse_tags(answer.body) : std::nullopt;
    if (installed) {
      target->state.installed_models = installed->count;
      target->state.remote_models = std::move(installed->remote);
      target->file_bytes = std::move(installed->file_bytes);
    }
    fill_models(*target);
    target->not_listed.clear();
    for (const ResidentModel& model : target->state.models) {
      if (!model.file_bytes) target->not_listed.insert(model.digest);
    }
    if (installed) deliver(target);
  }

  void deliver(const TargetPtr& target) {
    const std::lock_guard lock{sink_mutex_};
    if (!stopped_) sink_(ServerState{target->state});
  }

  Outbound& outbound_;
  const PollOptions options_;
  const Sink sink_;
  std::mutex sink_mutex_;  // held while the sink runs, so that stop() waits for it
  std::atomic<bool> stopped_{false};
  std::mutex soon_mutex_;
  std::set<std::string> soon_;

  std::vector<TargetPtr> targets_;  // outbound thread only, as the rest
  bool busy_ = false;
};

Poller::Poller(Outbound& outbound, std::vector<OllamaServer> servers, PollOptions options, Sink sink)
    : core_(std::make_shared<Core>(outbound, options, std::move(sink))), servers_(std::move(servers)) {}

Poller::~Poller() { stop(); }

void Poller::start() { set_servers(std::move(servers_)); }

void Poller::poll_soon(std::string_view server) { core_->request_soon(server); }

void Poller::set_servers(std::vector<OllamaServer> servers) {
  core_->post([servers = std::move(servers)](Core& core) mutable { core.set_servers(std::move(servers)); });
}

void Poller::set_busy(bool busy) {
  core_->post([busy](Core& core) { core.set_busy(busy); });
}

void Poller::stop() { core_->stop(); }

}  // namespace tegrascope
