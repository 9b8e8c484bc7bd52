#include "simulator/simulation.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "simulator/board.hpp"
#include "simulator/board_tree.hpp"
#include "simulator/ollama_server.hpp"
#include "simulator/scenario.hpp"

namespace tegrascope::simulator {
namespace {

constexpr auto kTick = std::chrono::milliseconds{20};

Scenario scenario_named(const std::string& name) {
  std::optional<Scenario> found = find_scenario(name);
  if (found) return *std::move(found);
  const auto join = [](const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
    return text;
  };
  throw std::invalid_argument(fmt::format("scenario '{}' is unknown: did you mean {}? (all: {})", name,
                                          join(nearest_scenarios(name)), join(scenario_names())));
}

OllamaServerOptions server_options(const SimulationOptions& options, const Scenario& scenario) {
  OllamaServerOptions server;
  server.port = options.ollama_port;
  server.engine.speed = options.speed;
  server.engine.runner = options.runner;
  server.lie = scenario.lie;
  if (scenario.load_time) server.engine.longest_load = *scenario.load_time;
  server.runner_listens = !options.container;
  return server;
}

}  // namespace

struct Simulation::State {
  explicit State(SimulationOptions given)
      : options(std::move(given)),
        scenario(scenario_named(options.scenario)),
        board(options.seed, monotonic_now()),
        server(board, server_options(options, scenario)) {}

  void tick_until_stopped();
  void apply_switches(MonotonicTime now);

  const SimulationOptions options;
  const Scenario scenario;
  SimulatedBoard board;
  SimulatedOllama server;
  std::optional<BoardTree> tree;
  std::optional<Clients> clients;
  std::thread ticker;

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable wake;
  bool stopping = false;
  std::optional<MonotonicTime> began;
  std::size_t next_switch = 0;
  std::size_t next_condition = 0;
  std::optional<SimulationTruth> last_truth;  // once stopped
};

void Simulation::State::apply_switches(MonotonicTime now) {
  if (!began) return;
  for (; next_switch < scenario.switches.size(); ++next_switch) {
    const PlacementSwitch& change = scenario.switches[next_switch];
    if (now < *began + from_seconds(change.at_seconds)) break;
    server.set_placement(scenario.model, change.placement, change.gpu_fraction);
  }
  for (; next_condition < scenario.conditions.size(); ++next_condition) {
    const ConditionChange& change = scenario.conditions[next_condition];
    if (now < *began + from_seconds(change.at_seconds)) return;
    board.set_conditions(change.conditions, now);
  }
}

void Simulation::State::tick_until_stopped() {
  MonotonicTime next = monotonic_now();
  std::unique_lock lock(mutex);
  while (!stopping) {
    apply_switches(monotonic_now());
    lock.unlock();
    try {
      tree->update(board.sample(monotonic_now()));
    } catch (const std::exception&) {
      // A full disk or a tree that its owner has removed: the board then stands still, the server goes on.
    }
    lock.lock();
    next += kTick;
    if (next < monotonic_now()) next = monotonic_now();
    wake.wait_until(lock, next, [this] { return stopping; });
  }
}

Simulation::Simulation(SimulationOptions options) {
  if (options.rootfs.empty())
    throw std::invalid_argument("the simulation needs a folder for its tree: rootfs is empty");
  state_ = std::make_unique<State>(std::move(options));
}

Simulation::~Simulation() { stop(); }

void Simulation::start() {
  State& s = *state_;
  s.server.set_placement(s.scenario.model, s.scenario.placement, s.scenario.gpu_fraction);
  s.server.start();
  try {
    s.tree.emplace(s.options.rootfs, ProcessTreeOptions{s.server.port(), s.options.container},
                   s.board.sample(monotonic_now()));
  } catch (const std::exception& error) {
    s.server.stop();
    throw std::runtime_error(fmt::format("cannot write the simulated board under {}: {}",
                                         s.options.rootfs.string(), error.what()));
  }
  s.ticker = std::thread([&s] { s.tick_until_stopped(); });
}

std::string Simulation::ollama_url() const { return state_->server.url(); }

std::filesystem::path Simulation::tegrastats() const { return state_->options.rootfs / "usr/bin/tegrastats"; }

void Simulation::start_clients(std::string base_url) {
  State& s = *state_;
  if (!s.scenario.clients) return;
  s.clients.emplace(std::move(base_url), *s.scenario.clients, s.options.seed,
                    [&s](const ScriptedRequest& request) {
                      if (request.placement)
                        s.server.set_placement(s.scenario.model, *request.placement,
                                               *request.placement == Placement::gpu ? 1.0 : 0.0);
                      if (request.tokens_per_second)
                        s.server.set_rate(s.scenario.model, *request.tokens_per_second * s.options.speed);
                    });
}

void Simulation::begin() {
  const std::lock_guard lock(state_->mutex);
  state_->began = monotonic_now();
}

void Simulation::stop_clients() {
  if (state_->clients) state_->clients->stop();
}

void Simulation::stop() {
  if (!state_) return;
  State& s = *state_;
  stop_clients();
  if (s.ticker.joinable()) {
    {
      const std::lock_guard lock(s.mutex);
      s.stopping = true;
    }
    s.wake.notify_all();
    s.ticker.join();
  }
  s.server.stop();
  SimulationTruth final_truth = truth();
  const std::lock_guard lock(s.mutex);
  s.last_truth = std::move(final_truth);
}

SimulationTruth Simulation::truth() const {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (s.last_truth) return *s.last_truth;
  }
  const MonotonicTime now = monotonic_now();
  return SimulationTruth{s.server.requests(), s.board.vdd_in_joules(now), s.board.gpu_busy_seconds(now)};
}

bool Simulation::clients_done() const { return state_->clients && state_->clients->done(); }

ClientCounts Simulation::client_counts() const {
  return state_->clients ? state_->clients->counts() : ClientCounts{};
}

}  // namespace tegrascope::simulator
