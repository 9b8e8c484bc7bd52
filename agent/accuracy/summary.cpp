#include "agent/accuracy/summary.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace tegrascope::accuracy {
namespace {

double joules(simulator::Femtojoules energy) {
  return static_cast<double>(simulator::to_nanojoules(energy)) * 1e-9;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto index = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const std::size_t at = std::min(index == 0 ? 0 : index - 1, values.size() - 1);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

class Errors {
 public:
  // No answer is as wrong as one of 0.
  void add(std::optional<double> answer, double truth) {
    if (truth <= 0) return;
    const double error = (answer.value_or(0.0) - truth) / truth;
    sizes_.push_back(std::abs(error));
    sum_ += error;
  }
  ErrorStats stats() const {
    ErrorStats out;
    out.count = sizes_.size();
    if (sizes_.empty()) return out;
    out.p50 = percentile(sizes_, 0.50);
    out.p95 = percentile(sizes_, 0.95);
    out.bias = sum_ / static_cast<double>(sizes_.size());
    return out;
  }

 private:
  std::vector<double> sizes_;
  double sum_ = 0;
};

struct ClassErrors {
  Errors energy, marginal;
  std::size_t unflagged = 0;

  void add(const Answer& answer) {
    energy.add(energy_joules(answer), energy_joules_true(answer));
    marginal.add(marginal_joules(answer), marginal_joules_true(answer));
    if (answer.record && answer.record->reasons.empty()) ++unflagged;
  }
  ClassStats stats() const { return {energy.stats(), marginal.stats(), unflagged}; }
};

bool has_reason(const Answer& answer, std::initializer_list<const char*> reasons) {
  if (!answer.record) return false;
  return std::any_of(reasons.begin(), reasons.end(), [&](const char* reason) {
    const auto& given = answer.record->reasons;
    return std::find(given.begin(), given.end(), reason) != given.end();
  });
}

Nanoseconds working_time(const Answer& answer) {
  Nanoseconds sum{};
  for (const auto& [phase, truth] : answer.truth.phases) sum += truth.time;
  return sum;
}

// Everything that is gathered over the answers.
struct Gathered {
  ClassErrors all, decode_2s, decode_5s, decode_below_5s;
  Errors shared, gpu, solo;
  std::vector<double> widths;
  std::size_t covered = 0;
  double shorter_true = 0;
  double shorter_answered = 0;

  void add(const Answer& answer, double rate_hz, Summary& out) {
    ++out.requests;
    if (answer.faulted) {
      ++out.faulted;
      return;
    }
    if (!energy_joules(answer)) ++out.missing;
    const Nanoseconds working = working_time(answer);
    if (working <= Nanoseconds::zero()) return;  // a model that was there already: nothing to compare
    add_interval(answer, out);
    if (to_seconds(working) < 1.0 / rate_hz) {
      ++out.shorter;
      if (!has_reason(answer, {"imputed", "short", "no_prior"})) ++out.shorter_unflagged;
      shorter_true += energy_joules_true(answer);
      shorter_answered += energy_joules(answer).value_or(0);
    }
    if (answer.truth.shared * 2 >= working) {
      shared.add(energy_joules(answer), energy_joules_true(answer));
      if (answer.record && answer.record->solo_joules)
        solo.add(answer.record->solo_joules, answer.truth.solo_joules);
    }
    if (answer.truth.shared > Nanoseconds::zero()) return;
    const double decode = decode_seconds_true(answer);
    all.add(answer);
    if (decode >= 2) decode_2s.add(answer);
    if (decode >= 2) gpu.add(gpu_busy_seconds(answer), gpu_busy_seconds_true(answer));
    (decode >= 5 ? decode_5s : decode_below_5s).add(answer);
  }

  void add_interval(const Answer& answer, Summary& out) {
    if (!answer.record) return;
    ++out.qualities[answer.record->quality];
    const auto& interval = answer.record->energy_interval_nj;
    const auto answered = energy_joules(answer);
    if (!interval || !answered) return;
    ++out.intervals;
    const double truth_nj = energy_joules_true(answer) * 1e9;
    if (truth_nj >= static_cast<double>(interval->first) && truth_nj <= static_cast<double>(interval->second))
      ++covered;
    const double half = static_cast<double>(interval->second - interval->first) / 2e9;
    if (*answered > 0) widths.push_back(half / *answered);
  }
};

}  // namespace

std::optional<double> energy_joules(const Answer& answer) {
  if (!answer.record || !answer.record->energy_known) return std::nullopt;
  std::int64_t sum = 0;
  for (const auto& [phase, amounts] : answer.record->phase_amounts) sum += amounts.energy_nj;
  return static_cast<double>(sum) * 1e-9;
}

std::optional<double> marginal_joules(const Answer& answer) {
  if (!answer.record || !answer.record->energy_known || has_reason(answer, {"no_idle_baseline"}))
    return std::nullopt;
  std::int64_t sum = 0;
  for (const auto& [phase, amounts] : answer.record->phase_amounts)
    sum += amounts.energy_nj - amounts.idle_energy_nj;
  return static_cast<double>(sum) * 1e-9;
}

std::optional<double> batch_discount(const Answer& answer) {
  if (!answer.record || !answer.record->solo_joules || !marginal_joules(answer)) return std::nullopt;
  double joules_here = 0;
  for (const auto& [phase, amounts] : answer.record->phase_amounts) {
    if (phase == Phase::load) continue;
    joules_here += static_cast<double>(amounts.energy_nj - amounts.idle_energy_nj) * 1e-9;
  }
  return joules_here / *answer.record->solo_joules;
}

double energy_joules_true(const Answer& answer) {
  return joules(answer.truth.above_idle() + answer.truth.idle());
}

double marginal_joules_true(const Answer& answer) { return joules(answer.truth.above_idle()); }

double gpu_busy_seconds(const Answer& answer) {
  std::int64_t sum = 0;
  if (answer.record)
    for (const auto& [phase, amounts] : answer.record->phase_amounts) sum += amounts.gpu_busy_ns;
  return static_cast<double>(sum) * 1e-9;
}

double gpu_busy_seconds_true(const Answer& answer) {
  double sum = 0;
  for (const auto& [phase, truth] : answer.truth.phases) sum += truth.gpu_busy_seconds;
  return sum;
}

double decode_seconds_true(const Answer& answer) {
  const auto decode = answer.truth.phases.find(Phase::decode);
  return decode == answer.truth.phases.end() ? 0.0 : to_seconds(decode->second.time);
}

Summary summarize(const std::vector<StudyResult>& studies) {
  Summary out;
  out.conserved = !studies.empty();
  Gathered gathered;
  double measured = 0;
  double drawn = 0;
  double cpu_seconds = 0;
  double seconds = 0;
  for (const StudyResult& study : studies) {
    for (const Answer& answer : study.answers) gathered.add(answer, study.rate_hz, out);
    out.conserved = out.conserved && study.conserved && study.truth_adds_up;
    measured += study.measured_joules;
    drawn += study.true_joules;
    cpu_seconds += study.analysis_cpu_seconds;
    seconds += study.simulated_seconds;
    if (study.idle_watts) {
      const double error = *study.idle_watts / study.true_idle_watts - 1;
      if (!out.idle_error || std::abs(error) > std::abs(*out.idle_error)) out.idle_error = error;
    }
  }
  out.all = gathered.all.stats();
  out.decode_2s = gathered.decode_2s.stats();
  out.decode_5s = gathered.decode_5s.stats();
  out.decode_below_5s = gathered.decode_below_5s.stats();
  out.shared = gathered.shared.stats();
  out.gpu_busy = gathered.gpu.stats();
  out.solo = gathered.solo.stats();
  out.interval_width = percentile(gathered.widths, 0.5);
  if (out.intervals > 0)
    out.coverage_95 = static_cast<double>(gathered.covered) / static_cast<double>(out.intervals);
  if (out.shorter > 0) out.shorter_sum_error = gathered.shorter_answered / gathered.shorter_true - 1;
  if (drawn > 0) out.board_error = measured / drawn - 1;
  if (seconds > 0) out.cpu_seconds_per_hour = cpu_seconds / seconds * 3600;
  return out;
}

}  // namespace tegrascope::accuracy
