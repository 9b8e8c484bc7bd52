#include "simulator/virtual/workload.hpp"

#include <algorithm>
#include <cmath>

#include "simulator/board.hpp"

namespace tegrascope::simulator {
namespace {

constexpr double kServeCores = 0.02;
// A runner that needs more cores than this computes on them; below it waits for the GPU.
constexpr double kStarvedAbove = 1.5;
constexpr double kHeatSeconds = 45;
constexpr double kDegreesPerWatt = 2.2;

std::int64_t microwatts(double watts) { return std::llround(watts * 1e6); }

// A share of an exact amount. The shares of a part are computed one after the other and the last one takes
// what is left, so nothing is lost.
Femtojoules part_of(Femtojoules whole, double share) {
  return static_cast<Femtojoules>(std::llround(static_cast<double>(whole) * share));
}

}  // namespace

Workload::Workload(const VirtualScenario& scenario, MonotonicTime start)
    : leakage_per_degree_(scenario.leakage_per_degree),
      ripple_microwatts_(microwatts(scenario.ripple_watts) / 5 * 5),
      background_cores_(scenario.background_cores),
      at_(start),
      shown_at_(start),
      idle_microwatts_(microwatts(idle_load().power.vdd_in)),
      warmed_at_(start),
      core_seconds_(kBoardCores, 0.0) {
  truth_.idle_watts = idle_load().power.vdd_in;
}

BatchPass Workload::pass_of(const VirtualRunner& runner) {
  std::vector<BatchMember> batch;
  for (const Job* job : runner.active) {
    const bool decodes = job->stage == Stage::decode;
    const double chunk = std::min(512.0, static_cast<double>(job->truth.evaluated_tokens));
    batch.push_back({decodes, job->own_cost, decodes ? 0.0 : chunk});
  }
  return batch_pass(runner.speed, batch);
}

void Workload::add_runner(VirtualRunner& runner, const BatchPass& pass, const Sharing& sharing) {
  const bool all_decode = std::all_of(runner.active.begin(), runner.active.end(),
                                      [](const Job* job) { return job->stage == Stage::decode; });
  const bool on_gpu = pass.gpu > 0;
  const double starved = pass.runner_cores > kStarvedAbove ? sharing.cores : 1.0;
  const double waits = on_gpu && all_decode ? sharing.slows : 1.0;
  const double speed = (on_gpu ? sharing.turn : 1.0) * starved * waits;
  // A launch that waits for a core keeps the runner's thread spinning.
  const double cores = pass.runner_cores * (on_gpu ? sharing.turn : 1.0) * starved;
  Part part{&runner, microwatts(pass.watts * speed), pass.gpu * speed, cores, false, {}};
  for (std::size_t i = 0; i < runner.active.size(); ++i) {
    Job* job = runner.active[i];
    const bool decodes = job->stage == Stage::decode;
    const double chunk = std::min(512.0, static_cast<double>(job->truth.evaluated_tokens));
    job->tokens_per_second = (decodes ? 1.0 : chunk) / pass.seconds * speed;
    job->completes =
        at_ +
        Nanoseconds{static_cast<std::int64_t>(std::ceil(job->tokens_left / job->tokens_per_second * 1e9))};
    part.members.push_back({job, decodes ? Phase::decode : Phase::prefill, pass.shares[i]});
  }
  part.ripples = all_decode && speed == 1.0;
  if (part.ripples) {
    const Nanoseconds period = from_seconds(pass.seconds);
    // The wave goes on as long as the batch stays as it is.
    if (ripple_.period != period) ripple_.origin = at_;
    ripple_.peak_to_peak_microwatts = ripple_microwatts_;
    ripple_.period = period;
  }
  bytes_per_second_ += static_cast<double>(runner.model->weights_bytes) / pass.seconds * speed;
  parts_.push_back(std::move(part));
}

void Workload::compose(Runners& runners, VirtualRunner* loading, Job* loader,
                       const std::vector<const ForeignJob*>& foreign) {
  parts_.clear();
  ripple_.peak_to_peak_microwatts = 0;
  bytes_per_second_ = 0;
  foreign_microwatts_ = 0;
  foreign_gpu_ = 0;
  foreign_cores_ = background_cores_;
  std::vector<std::pair<VirtualRunner*, BatchPass>> at_work;
  for (auto& [name, runner] : runners)
    if (!runner.active.empty()) at_work.emplace_back(&runner, pass_of(runner));
  Sharing sharing;
  int turns = 0;  // who takes turns on the GPU
  double wanted_cores = background_cores_;
  for (const auto& [runner, pass] : at_work) {
    turns += pass.gpu > 0 ? 1 : 0;
    wanted_cores += pass.runner_cores;
  }
  for (const ForeignJob* job : foreign) {
    turns += job->gpu > 0 ? 1 : 0;
    wanted_cores += job->cores;
    sharing.slows = std::min(sharing.slows, job->slows);
  }
  if (turns > 0) sharing.turn = 1.0 / turns;
  sharing.cores = std::min(1.0, kBoardCores / wanted_cores);
  for (const auto& [runner, pass] : at_work) add_runner(*runner, pass, sharing);
  for (const ForeignJob* job : foreign) {
    const double share = job->gpu > 0 ? sharing.turn : 1.0;
    foreign_microwatts_ += microwatts(job->watts * share);
    foreign_gpu_ += job->gpu * share;
    foreign_cores_ += job->cores * sharing.cores;
  }
  if (ripple_.peak_to_peak_microwatts == 0) ripple_.period = {};
  if (loader == nullptr) return;
  const BoardLoad load = board_load(RunnerWork::load, *loading->model, Placement::gpu, 1);
  parts_.push_back({loading,
                    microwatts(load.power.vdd_in - idle_load().power.vdd_in),
                    load.gpu,
                    load.runner_cores,
                    false,
                    {{loader, Phase::load, 1.0}}});
}

MonotonicTime Workload::next_completion() const {
  MonotonicTime next = MonotonicTime::max();
  for (const Part& part : parts_)
    for (const Member& member : part.members)
      if (member.job->completes) next = std::min(next, *member.job->completes);
  return next;
}

std::int64_t Workload::above_idle_microwatts() const {
  std::int64_t sum = 0;
  for (const Part& part : parts_) sum += part.microwatts;
  return sum;
}

PowerPiece Workload::piece(MonotonicTime begin, MonotonicTime end) const {
  double gpu = foreign_gpu_;
  for (const Part& part : parts_) gpu += part.gpu;
  return {begin, end, idle_microwatts_ + foreign_microwatts_ + above_idle_microwatts(), ripple_, gpu};
}

void Workload::show(MonotonicTime t) {
  if (t <= shown_at_) return;
  history_.add(piece(shown_at_, t));
  book_cpu(to_seconds(t - shown_at_));
  shown_at_ = t;
}

void Workload::close(MonotonicTime t) {
  show(t);
  if (t <= at_) return;
  const Nanoseconds span = t - at_;
  const std::int64_t above_idle = above_idle_microwatts();
  const PowerPiece all = piece(at_, t);
  std::size_t workers = 0;
  for (const Part& part : parts_) workers += part.members.size();
  const Femtojoules idle = static_cast<Femtojoules>(idle_microwatts_) * span.count();
  truth_.board += all.energy(at_, t);
  truth_.foreign += static_cast<Femtojoules>(foreign_microwatts_) * span.count();
  truth_.gpu_busy_seconds += all.gpu * to_seconds(span);
  if (workers == 0) truth_.idle_unused += idle;

  Femtojoules idle_left = idle;
  std::size_t left = workers;
  for (Part& part : parts_) {
    // The ripple belongs to the one part that ripples.
    Femtojoules of_part = static_cast<Femtojoules>(part.microwatts) * span.count();
    if (part.ripples) of_part += ripple_.integral(at_, t);
    Femtojoules part_left = of_part;

    for (std::size_t i = 0; i < part.members.size(); ++i, --left) {
      const Member& member = part.members[i];
      const double weight = member.share * static_cast<double>(part.microwatts) /
                            static_cast<double>(std::max<std::int64_t>(above_idle, 1));
      const Femtojoules mine = i + 1 == part.members.size() ? part_left : part_of(of_part, member.share);
      const Femtojoules idle_mine = left == 1 ? idle_left : part_of(idle, weight);
      part_left -= mine;
      idle_left -= idle_mine;
      Job& job = *member.job;
      PhaseTruth& phase = job.truth.phases[member.phase];
      phase.time += span;
      phase.above_idle += mine;
      phase.idle += idle_mine;
      phase.gpu_busy_seconds += part.gpu * member.share * to_seconds(span);
      phase.cpu_seconds += part.cores * member.share * to_seconds(span);
      truth_.open += mine + idle_mine;
      if (workers > 1) job.truth.shared += span;
      job.truth.most_at_once = std::max(job.truth.most_at_once, static_cast<int>(workers));
      job.tokens_left = std::max(job.tokens_left - job.tokens_per_second * to_seconds(span), 0.0);
    }
  }
  at_ = t;
}

void Workload::book_cpu(double seconds) {
  double runner_cores = 0;
  for (const Part& part : parts_) {
    part.runner->cpu_seconds += part.cores * seconds;
    runner_cores += part.cores;
  }
  const double serving = parts_.empty() ? 0.0 : kServeCores;
  serve_seconds_ += serving * seconds;
  double left = runner_cores;
  for (double& core : core_seconds_) {
    const double mine = std::min(left, 0.95);
    left -= mine;
    core += (mine + (foreign_cores_ + serving) / kBoardCores) * seconds;
  }
}

void Workload::warm_up(MonotonicTime now) {
  const double seconds = to_seconds(now - warmed_at_);
  if (seconds <= 0) return;
  const double watts = static_cast<double>(truth_.board - warmed_board_) * 1e-15 / seconds;
  const double base = idle_load().power.vdd_in;
  const double target = (watts - base) * kDegreesPerWatt;
  heat_ = target + (heat_ - target) * std::exp(-seconds / kHeatSeconds);
  warmed_at_ = now;
  warmed_board_ = truth_.board;
  truth_.idle_watts = base * (1 + leakage_per_degree_ * heat_);
  idle_microwatts_ = microwatts(truth_.idle_watts);
}

void Workload::retire(const Job& job) {
  truth_.open -= job.truth.above_idle() + job.truth.idle();
  truth_.requests.push_back(job.truth);
}

}  // namespace tegrascope::simulator
