#include "tests/accuracy/goals.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "tests/accuracy/timelines.hpp"

namespace tegrascope::accuracy {
namespace {

// Nothing was ever tuned on these seeds (docs/simulator.md).
constexpr std::uint64_t kHeldOut = 3001;

struct Run {
  const char* scenario;
  double rate_hz;
  int averaging;
};

std::string percent(double ratio) { return fmt::format("{:.2f} %", ratio * 100); }

class Table {
 public:
  explicit Table(const TableOptions& options) : options_(options) {}

  Summary measure(const Run& run, int seeds) {
    run_ = fmt::format("{} {:g} Hz", run.scenario, run.rate_hz);
    if (run.averaging > 1) run_ += fmt::format(", averaging {}", run.averaging);
    const std::filesystem::path file = std::filesystem::path(TEGRASCOPE_SOURCE_DIR) / "simulator/scenarios" /
                                       (std::string(run.scenario) + ".jsonc");
    const auto scenario = simulator::read_scenario(file);
    std::vector<StudyResult> studies;
    for (int seed = 0; seed < seeds; ++seed) {
      StudyOptions study;
      study.seed = kHeldOut + static_cast<std::uint64_t>(seed);
      study.rate_hz = run.rate_hz;
      study.averaging_samples = run.averaging;
      study.attribution.learn_phase_power = options_.mutation != Mutation::no_prior;
      study.attribution.hold_power_at_edges = options_.mutation != Mutation::trapezoid;
      study.tell_averaging = options_.mutation != Mutation::no_lag;
      studies.push_back(run_study(scenario, study));
    }
    const Summary summary = summarize(studies);
    expect(
        "the books balance exactly, nothing is lost", "yes",
        summary.conserved && summary.missing == 0
            ? "yes"
            : fmt::format("{}, {} missing", summary.conserved ? "balanced" : "unbalanced", summary.missing),
        summary.conserved && summary.missing == 0);
    return summary;
  }

  void name_run(const std::string& run) { run_ = run; }
  void at_most(const std::string& goal, double limit, double measured, std::size_t count) {
    expect(goal, "<= " + percent(limit),
           count == 0 ? "no request" : fmt::format("{} of {}", percent(measured), count),
           count > 0 && std::abs(measured) <= limit);
  }
  void expect(const std::string& goal, const std::string& limit, const std::string& measured, bool pass) {
    rows_.push_back({run_, goal, limit, measured, pass});
  }
  void covers(const Summary& s) {
    expect("stated 95 % intervals that hold the truth", "92-99 %",
           s.coverage_95 ? fmt::format("{} of {}", percent(*s.coverage_95), s.intervals) : "none stated",
           s.coverage_95 && *s.coverage_95 >= 0.92 && *s.coverage_95 <= 0.99);
  }

  std::vector<Row> take() { return std::move(rows_); }

 private:
  TableOptions options_;
  std::string run_;
  std::vector<Row> rows_;
};

constexpr const char* kEnergy2s = "decode >= 2 s: energy error, p95";
constexpr const char* kEnergy5s = "decode >= 5 s: energy error, p95";
constexpr const char* kMarginal5s = "decode >= 5 s: error above idle, p95";

void streamed(Table& table, int seeds) {
  const Summary fast = table.measure({"streamed", 10, 1}, seeds);
  table.at_most(kEnergy2s, 0.02, fast.decode_2s.energy.p95, fast.decode_2s.energy.count);
  table.at_most(kEnergy5s, 0.01, fast.decode_5s.energy.p95, fast.decode_5s.energy.count);
  table.at_most(kMarginal5s, 0.04, fast.decode_5s.marginal.p95, fast.decode_5s.marginal.count);
  table.covers(fast);
  const Summary slow = table.measure({"streamed", 1, 1}, seeds);
  table.at_most(kEnergy2s, 0.10, slow.decode_2s.energy.p95, slow.decode_2s.energy.count);
  table.at_most(kEnergy5s, 0.05, slow.decode_5s.energy.p95, slow.decode_5s.energy.count);
  table.at_most(kMarginal5s, 0.08, slow.decode_5s.marginal.p95, slow.decode_5s.marginal.count);
  table.covers(slow);
  const Summary averaged = table.measure({"streamed", 10, 512}, seeds);
  table.at_most(kEnergy5s, 0.05, averaged.decode_5s.energy.p95, averaged.decode_5s.energy.count);
  const auto unflagged = averaged.decode_below_5s.unflagged;
  table.expect("decode < 5 s: without a flag", "0",
               fmt::format("{} of {}", unflagged, averaged.decode_below_5s.energy.count), unflagged == 0);
  table.covers(averaged);
}

void shorter(Table& table, int seeds) {
  const Summary s = table.measure({"short", 1, 1}, seeds);
  table.expect("shorter than a sample: without a flag", "0",
               fmt::format("{} of {}", s.shorter_unflagged, s.shorter),
               s.shorter > 0 && s.shorter_unflagged == 0);
  table.at_most("shorter than a sample: error of the sum of 200", 0.03, s.shorter_sum_error.value_or(0),
                s.shorter);
  table.covers(s);
}

void varied(Table& table, int seeds) {
  table.covers(table.measure({"varied", 10, 1}, seeds));
  table.covers(table.measure({"varied", 2, 1}, seeds));
}

void concurrent(Table& table, int seeds) {
  const Summary s = table.measure({"concurrent", 10, 1}, seeds);
  table.at_most("2 to 6 at once: from the Shapley share, median", 0.10, s.shared.p50, s.shared.count);
  table.at_most("2 to 6 at once: from the Shapley share, p95", 0.20, s.shared.p95, s.shared.count);
  table.covers(s);
}

void long_runs(Table& table) {
  const Summary day = table.measure({"mixed_day", 10, 1}, 1);
  table.at_most("idle baseline, error", 0.03, day.idle_error.value_or(1), 1);
  table.covers(day);
  const Summary hour = table.measure({"busy_hour", 10, 1}, 1);
  table.expect("CPU of the analysis", "<= 0.1 % of a core",
               fmt::format("{:.3f} % of this machine's", hour.cpu_seconds_per_hour / 36.0),
               hour.cpu_seconds_per_hour <= 3.6);
}

void identities(Table& table, std::uint64_t timelines) {
  table.name_run(fmt::format("{} random timelines", timelines));
  for (const IdentityCount& i : check_timelines(1, timelines, std::thread::hardware_concurrency())) {
    table.expect(i.name, "always",
                 i.violated == 0
                     ? fmt::format("{} of {}", i.checked, i.checked)
                     : fmt::format("not in {} of {}, first {}", i.violated, i.checked, i.first_seed),
                 i.checked > 0 && i.violated == 0);
  }
}

}  // namespace

std::vector<Row> measure_goals(const TableOptions& options) {
  Table table(options);
  streamed(table, options.seeds);
  shorter(table, options.seeds);
  concurrent(table, options.seeds);
  varied(table, options.seeds);
  if (options.long_runs) long_runs(table);
  identities(table, options.timelines);
  return table.take();
}

std::string format_table(const std::vector<Row>& rows) {
  std::string out = "Accuracy against the simulator's truth; every figure is simulated.\n\n";
  const char* line = "{:<30} {:<60} {:>18} {:>24}  {}\n";
  out += fmt::format(fmt::runtime(line), "run", "goal", "limit", "measured", "");
  std::string run;
  std::size_t missed = 0;
  for (const Row& row : rows) {
    out += fmt::format(fmt::runtime(line), row.run == run ? "" : row.run, row.goal, row.limit, row.measured,
                       row.pass ? "pass" : "FAIL");
    run = row.run;
    missed += row.pass ? 0 : 1;
  }
  out += fmt::format("\n{} of {} goals reached (simulated)\n", rows.size() - missed, rows.size());
  return out;
}

}  // namespace tegrascope::accuracy
