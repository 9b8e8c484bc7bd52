#include "simulator/virtual/conditions.hpp"

#include <algorithm>

namespace tegrascope::simulator {
namespace {

template <class T, class U>
void take(const std::optional<T>& from, U& to) {
  if (from) to = *from;
}

void change_setup(const ScenarioChange& change, RunnerSetup& setup) {
  take(change.placement, setup.placement);
  take(change.gpu_fraction, setup.gpu_fraction);
  if (setup.placement == Placement::gpu) setup.gpu_fraction = 1;
  if (setup.placement == Placement::cpu) setup.gpu_fraction = 0;
  // A new placement is told truly unless the change says otherwise.
  if (change.placement) {
    setup.declared_share = change.declared_share;
    setup.logged_share = change.logged_share;
  }
  take(change.declared_share, setup.declared_share);
  take(change.logged_share, setup.logged_share);
  take(change.asked_for_cpu, setup.asked_for_cpu);
  take(change.rate, setup.rate);
  take(change.gpu_load, setup.gpu_load);
  take(change.gpu_cores, setup.gpu_cores);
  take(change.prompt, setup.prompt);
}

}  // namespace

VirtualConditions::VirtualConditions(const VirtualScenario& scenario) {
  for (const SimulatedModel& model : simulated_models()) {
    RunnerSetup& setup = setups_[model.name];
    setup.placement = scenario.placement;
    setup.gpu_fraction = scenario.placement == Placement::gpu   ? 1
                         : scenario.placement == Placement::cpu ? 0
                                                                : scenario.gpu_fraction;
  }
  for (const ScenarioChange& change : scenario.changes)
    if (change.at_seconds <= 0) apply(change);
}

void VirtualConditions::apply(const ScenarioChange& change) {
  for (auto& [name, setup] : setups_)
    if (change.model.empty() || change.model == name) change_setup(change, setup);
  take(change.gpu_speed, board_.gpu_speed);
  take(change.cpu_speed, board_.cpu_speed);
  take(change.gpu_hertz, board_.gpu_hertz);
  take(change.power_mode, board_.power_mode);
  take(change.throttled, board_.throttled);
  take(change.swap_in_bytes_per_second, board_.swap_in_bytes_per_second);
  take(change.stalled_share, board_.stalled_share);
  take(change.version, board_.version);
}

const RunnerSetup& VirtualConditions::setup(const std::string& model) const { return setups_.at(model); }

RunnerSpeed VirtualConditions::speed(const SimulatedModel& model, const RunnerSetup& setup) const {
  SimulatedModel now = model;
  now.gpu_tokens_per_second *= board_.gpu_speed * setup.rate;
  now.cpu_tokens_per_second *= board_.cpu_speed * setup.rate;
  now.gpu_prompt_tokens_per_second *= board_.gpu_speed;
  now.cpu_prompt_tokens_per_second *= board_.cpu_speed;
  // Slower clocks need less power, a part of it does not depend on them.
  now.gpu_decode_watts *= std::min(0.35 + 0.65 * board_.gpu_speed, 1.5);
  RunnerSpeed out = runner_speed(now, setup.placement, setup.gpu_fraction);
  if (setup.gpu_load && out.decode.gpu > 0) {
    const double usual = runner_speed(now, Placement::gpu, 1).decode.gpu;
    out.decode.gpu *= *setup.gpu_load / usual;
  }
  if (setup.gpu_cores && setup.placement == Placement::gpu) out.decode.runner_cores = *setup.gpu_cores;
  if (setup.prompt) {
    // Batches of a prompt run on the GPU although the layers lie in the CPU's part: `partial` with none of them.
    const Placement like = *setup.prompt == Placement::cpu ? Placement::cpu : Placement::partial;
    const RunnerSpeed prompt = runner_speed(now, like, setup.gpu_fraction);
    out.prefill = prompt.prefill;
    out.prompt_tokens_per_second = prompt.prompt_tokens_per_second;
  }
  return out;
}

}  // namespace tegrascope::simulator
