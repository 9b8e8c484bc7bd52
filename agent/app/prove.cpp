#include "agent/app/prove.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <utility>

#include "agent/analysis/model_table.hpp"
#include "agent/analysis/residency.hpp"
#include "agent/app/ask.hpp"
#include "agent/app/fallback_facts.hpp"
#include "agent/app/host.hpp"
#include "collectors/ollama/answers.hpp"
#include "collectors/ollama/final_counts.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Nanoseconds kBefore = 600ms;      // of the idle board
constexpr Nanoseconds kLongestAfter = 10s;  // until what was read suffices for the verdict and the joules
constexpr Nanoseconds kStep = 20ms;
constexpr int kRounds = 3;
constexpr double kSecondsWanted = 2.5;  // of decode, where the first tokens came too fast
constexpr int kMostTokens = 2048;
constexpr const char* kPrompt = "Tell a long story about a river, from its spring to the sea.";

// The board's readings, joined with the one request.
class Watch {
 public:
  explicit Watch(const Config& config) : analysis_(options_of(config)) {
    SamplerOptions sampling;
    sampling.idle_interval = sampling.busy_interval = config.sample_interval;
    sampling.seed = config.sample_seed != 0 ? config.sample_seed : std::random_device{}();
    sampler_.emplace(make_collectors(config), sampling, [this](std::vector<Batch>&& slot) {
      const std::lock_guard lock(mutex_);
      std::move(slot.begin(), slot.end(), std::back_inserter(batches_));
    });
    sampler_->start();
  }
  ~Watch() { sampler_->stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void take_in() {
    std::vector<Batch> batches;
    {
      const std::lock_guard lock(mutex_);
      batches.swap(batches_);
    }
    for (const Batch& batch : batches) {
      analysis_.add(batch);
      if (batch.lists_processes) residency_.set_processes(batch.processes);
    }
    analysis_.advance(monotonic_now());
  }
  void take_in_until(MonotonicTime end, const std::function<bool()>& done = {}) {
    while (monotonic_now() < end && !(done && done())) {
      take_in();
      std::this_thread::sleep_for(kStep);
    }
  }
  void set(const ServerState& state) {
    analysis_.add(state);
    residency_.set_server(state);
  }
  void add(const RequestEvent& event) { analysis_.add(event); }

  // The request's record with its final amounts; without them where they do not come in time.
  std::optional<RequestRecord> record(RequestId id) {
    std::optional<RequestRecord> found;
    take_in_until(monotonic_now() + kLongestAfter, [&] {
      for (RequestRecord& record : analysis_.take_judged())
        if (record.id == id) found = std::move(record);
      if (booked_ && booked_->id == id) found = booked_;
      return booked_ && booked_->id == id;
    });
    return found;
  }
  const Residency& residency() const { return residency_; }
  const AnalysisOptions& options() const { return options_; }

 private:
  AnalysisOptions options_of(const Config& config) {
    options_ = read_host(config, analysis_options);
    options_.on_booked = [this](const RequestRecord& record) { booked_ = record; };
    return options_;
  }

  AnalysisOptions options_;
  std::optional<RequestRecord> booked_;
  Analysis analysis_;
  Residency residency_;
  std::mutex mutex_;
  std::vector<Batch> batches_;
  std::optional<Sampler> sampler_;
};

// Of a whole answer.
int status_of(const HttpAnswer& answer) { return answer.failure == HttpFailure::none ? answer.status : 0; }

std::string error_of(const HttpAnswer& answer) {
  if (answer.failure != HttpFailure::none) return answer.error;
  const json body = json::parse(answer.body, nullptr, false);
  std::string text = body.is_object() && body.contains("error") && body["error"].is_string()
                         ? body["error"].get<std::string>()
                         : "status " + std::to_string(answer.status);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, 300);
}

template <class State>
auto find_model(State& state, const std::string& name) -> decltype(&state.models.front()) {
  const auto found = std::find_if(state.models.begin(), state.models.end(),
                                  [&](const ResidentModel& m) { return m.name == name; });
  return found == state.models.end() ? nullptr : &*found;
}

std::string names_of(const json& tags) {
  std::string names;
  for (const json& model : tags.value("models", json::array()))
    if (model.is_object()) names += (names.empty() ? "" : ", ") + model.value("name", std::string());
  return names;
}

class Prover {
 public:
  Prover(const Config& config, const ProveOptions& options, const OllamaServer& server)
      : config_(config), options_(options), server_(server), ask_(server.url, options.patience) {}

  Proof run() {
    proof_.server = server_.name;
    state_ = ask_.state(server_);
    proof_.version = state_.version;
    if (!state_.up) {
      proof_.trouble = "Ollama at " + server_.url + " does not answer: " + state_.error +
                       "; start it, or name another one with --ollama.url";
      return proof_;
    }
    if (choose_model()) watch_requests();
    return proof_;
  }

 private:
  bool choose_model() {
    const HttpAnswer answer = ask_.get("/api/tags");
    const json tags = json::parse(status_of(answer) == 200 ? answer.body : "{}", nullptr, false);
    if (options_.model.empty()) {
      const auto own = std::find_if(state_.models.begin(), state_.models.end(), [](const ResidentModel& m) {
        return !m.remote && !is_cloud_name(m.name);
      });
      if (own == state_.models.end()) {
        const std::string names = names_of(tags.is_object() ? tags : json::object());
        proof_.trouble = "no model is loaded: name one, tegrascope prove MODEL" +
                         (names.empty() ? std::string(" (none is installed: ollama pull MODEL)")
                                        : " (installed: " + names + ")");
        return false;
      }
      proof_.model = own->name;
    } else {
      proof_.model = resolve_model_name(options_.model);
    }
    if (is_cloud_name(proof_.model)) {
      proof_.trouble = "it is a cloud model, computed on another machine: name one of this board's";
      return false;
    }
    proof_.was_resident = find_model(state_, proof_.model) != nullptr;
    return proof_.was_resident || may_load(tags.is_object() ? tags : json::object());
  }

  bool may_load(const json& tags) {
    std::optional<std::uint64_t> bytes;
    for (const json& model : tags.value("models", json::array()))
      if (model.is_object() && model.value("name", std::string()) == proof_.model)
        bytes = model.value("size", std::uint64_t{0});
    if (!bytes) {
      proof_.trouble = "it is not installed: ollama pull " + proof_.model;
      return false;
    }
    if (options_.may_load && options_.may_load(proof_.model, *bytes)) return true;
    proof_.trouble = "it is not loaded, and prove loads no model without leave: add --yes, or load it first";
    return false;
  }

  void watch_requests() {
    watch_ = std::make_unique<Watch>(config_);
    learn_blob();
    watch_->set(state_);
    watch_->take_in_until(monotonic_now() + kBefore);
    int tokens = options_.tokens;
    for (int round = 1; round <= kRounds; ++round) {
      if (!one_request(static_cast<RequestId>(round), tokens)) break;
      if (proof_.verdict.placement != Placement::unknown) break;
      tokens = std::clamp(
          static_cast<int>(std::ceil(proof_.tokens_per_second.value_or(0) * kSecondsWanted * round)),
          options_.tokens, std::max(options_.tokens, kMostTokens));
    }
    if (!proof_.on_gpu()) proof_.fallback = find_fallback(facts());
  }

  // Which runner is the model's, where there are several.
  void learn_blob() {
    ResidentModel* model = find_model(state_, proof_.model);
    if (model == nullptr) return;
    const HttpAnswer shown = ask_.post("/api/show", json{{"model", proof_.model}}.dump());
    if (shown.status == 200) model->model_blob = parse_show(shown.body).blob;
  }

  std::string request_body(int tokens) const {
    json options{{"num_predict", tokens}, {"temperature", 1.0}, {"repeat_penalty", 1.3}, {"seed", 1}};
    // With another context length than it has Ollama would load the model anew.
    const ResidentModel* model = find_model(state_, proof_.model);
    if (model != nullptr && model->context_length) options["num_ctx"] = *model->context_length;
    return json{{"model", proof_.model}, {"prompt", kPrompt}, {"stream", false}, {"options", options}}.dump();
  }

  bool one_request(RequestId id, int tokens) {
    watch_->add(RequestStarted{id, Witness::relay, server_.name, "/api/generate", Operation::generate,
                               monotonic_now()});
    RequestDescribed described;
    described.id = id;
    described.model = proof_.model;
    watch_->add(described);
    const HttpAnswer answer = ask_.post("/api/generate", request_body(tokens), [this] { watch_->take_in(); });
    RequestEnded ended;
    ended.id = id;
    ended.at = monotonic_now();
    const int status = status_of(answer);
    ended.status_code = status;
    ended.outcome = status == 200 ? Outcome::ok : Outcome::error;
    complete_from_final(ended, answer.body);
    watch_->add(ended);
    state_ = ask_.state(server_);
    learn_blob();
    watch_->set(state_);
    if (status != 200 || ended.outcome != Outcome::ok) {
      proof_.load_failed = status >= 500 || status == 200;
      proof_.trouble = (proof_.load_failed ? "it could not be run: " : "Ollama refused: ") + error_of(answer);
      return false;
    }
    take_figures(id, ended);
    return true;
  }

  void take_figures(RequestId id, const RequestEnded& ended) {
    if (const ResidentModel* model = find_model(state_, proof_.model))
      proof_.declared_gpu_share = watch_->residency().declared_gpu_share(server_.name, model->name);
    if (ended.counts) proof_.tokens = ended.counts->output_tokens;
    if (ended.counts && ended.counts->eval_duration && proof_.tokens &&
        ended.counts->eval_duration->count() > 0)
      proof_.tokens_per_second =
          static_cast<double>(*proof_.tokens) / to_seconds(*ended.counts->eval_duration);
    const auto record = watch_->record(id);
    if (!record) return;
    proof_.verdict = record->verdict;
    proof_.gpu_load_ratio = record->decode.gpu_load_ratio;
    proof_.runner_cores = record->decode.runner_cores;
    if (!record->energy_known || !proof_.tokens || *proof_.tokens <= 0) return;
    double joules = 0;
    for (const auto& [phase, amounts] : record->phase_amounts)
      if (phase != Phase::load) joules += static_cast<double>(amounts.energy_nj) * 1e-9;
    if (joules > 0) proof_.joules_per_token = joules / static_cast<double>(*proof_.tokens);
  }

  FallbackFacts facts() const {
    FallbackFacts facts;
    facts.observed = proof_.verdict.placement;
    facts.load_failed = proof_.load_failed;
    facts.declared_gpu_share = proof_.declared_gpu_share;
    facts.board = watch_->options().board;
    facts.gpu_present = watch_->options().gpu_present;
    const auto runner = watch_->residency().runner_of(server_.name, proof_.model);
    facts.cpu_requested = runner && runner->gpu_layers_requested == 0;
    add_server_facts(facts, server_, runner ? std::optional(runner->id) : std::nullopt, config_);
    add_failure(facts, proof_.trouble);
    return facts;
  }

  const Config& config_;
  const ProveOptions& options_;
  const OllamaServer server_;
  Ask ask_;
  Proof proof_;
  ServerState state_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace

Proof prove(const Config& config, const ProveOptions& options) {
  const std::vector<OllamaServer> servers = read_host(config, find_servers);
  if (servers.empty()) {
    Proof proof;
    proof.trouble = "no Ollama was found: start it, or name it with --ollama.url=http://host:port";
    return proof;
  }
  return Prover(config, options, servers.front()).run();
}

}  // namespace tegrascope
