#include "simulator/physics.hpp"

namespace tegrascope::simulator {
namespace {

// VDD_IN is what the two sub-rails leave out (regulators, DRAM, I/O) above their sum: 4654 - 560 - 1484 mW on
// an idle Orin Nano (tegrastats of R36), 3.3 W while it works (7764 - 1816 - 2610 mW).
PowerDraw draw(double cpu_gpu_cv, double soc, double rest) {
  return PowerDraw{cpu_gpu_cv + soc + rest, cpu_gpu_cv, soc};
}

PowerDraw mix(const PowerDraw& a, const PowerDraw& b, double share_of_a) {
  const auto at = [&](double x, double y) { return x * share_of_a + y * (1 - share_of_a); };
  return PowerDraw{at(a.vdd_in, b.vdd_in), at(a.vdd_cpu_gpu_cv, b.vdd_cpu_gpu_cv), at(a.vdd_soc, b.vdd_soc)};
}

constexpr double kGpuDecodeLoad = 0.97;  // small gaps between launches
constexpr double kGpuPrefillLoad = 0.99;
constexpr double kGpuDecodeCores = 0.4;  // one thread that waits for the GPU and samples
constexpr double kCpuDecodeCores = 5.6;  // six threads, a little of them in barriers
constexpr double kLoadCores = 0.95;      // one thread copies
// CPU decode draws 9.5 W in all.
const PowerDraw kCpuDecodePower = draw(4.4, 2.3, 2.8);
const PowerDraw kCpuPrefillPower = draw(4.9, 2.2, 2.8);

BoardLoad on_gpu(RunnerWork work, const SimulatedModel& model) {
  if (work == RunnerWork::prefill)  // compute-bound: about 1 W above decode
    return {kGpuPrefillLoad, kGpuDecodeCores, draw(model.gpu_decode_watts + 1.0, 2.7, 2.7)};
  return {kGpuDecodeLoad, kGpuDecodeCores, draw(model.gpu_decode_watts, 2.7, 2.7)};
}

BoardLoad on_cpu(RunnerWork work) {
  return {0.0, kCpuDecodeCores, work == RunnerWork::prefill ? kCpuPrefillPower : kCpuDecodePower};
}

}  // namespace

BoardLoad idle_load() { return {0.0, 0.0, draw(0.55, 1.45, 2.6)}; }

BoardLoad under(const BoardLoad& runner, const Conditions& c) {
  constexpr double kForeignWatts = 7.0;  // a GPU that is busy all the time
  const double foreign = c.foreign_gpu * (1 - runner.gpu);
  const double dynamic = c.clock_ratio * c.clock_ratio;
  BoardLoad load = runner;
  load.gpu = runner.gpu + foreign;
  load.power = mix(runner.power, idle_load().power, dynamic);
  load.power.vdd_in += foreign * kForeignWatts * dynamic;
  load.power.vdd_cpu_gpu_cv += foreign * kForeignWatts * dynamic;
  return load;
}

double speed_under(const Conditions& c, Placement placement) {
  return c.clock_ratio * (placement == Placement::cpu ? 1.0 : 1.0 - c.foreign_gpu);
}

double gpu_time_share(const SimulatedModel& model, double gpu_fraction) {
  const double ratio = model.gpu_tokens_per_second / model.cpu_tokens_per_second;
  return gpu_fraction / (gpu_fraction + (1 - gpu_fraction) * ratio);
}

BoardLoad board_load(RunnerWork work, const SimulatedModel& model, Placement placement, double gpu_fraction) {
  if (work == RunnerWork::idle) return idle_load();
  if (work == RunnerWork::load) return {0.0, kLoadCores, draw(1.82, 2.61, 2.9)};
  if (placement == Placement::gpu) return on_gpu(work, model);
  if (placement == Placement::cpu) return on_cpu(work);
  // Large batches of a prompt go to the GPU even for layers that stay on the CPU.
  if (work == RunnerWork::prefill) return on_gpu(work, model);
  const double share = gpu_time_share(model, gpu_fraction);
  const BoardLoad gpu = on_gpu(work, model);
  const BoardLoad cpu = on_cpu(work);
  return {gpu.gpu * share, gpu.runner_cores * share + cpu.runner_cores * (1 - share),
          mix(gpu.power, cpu.power, share)};
}

}  // namespace tegrascope::simulator
