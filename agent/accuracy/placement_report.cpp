#include "agent/accuracy/placement_report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tegrascope::accuracy {
namespace {

constexpr std::size_t kExamples = 4;

template <class T>
T percentile(std::vector<T> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

std::string detection(const PlacementRow& row) {
  if (row.detect_requests.empty()) return row.never > 0 ? "never" : "";
  std::string out = fmt::format("{} / {:.1f} s, worst {} / {:.1f} s", percentile(row.detect_requests, 0.5),
                                percentile(row.detect_seconds, 0.5), percentile(row.detect_requests, 1.0),
                                percentile(row.detect_seconds, 1.0));
  if (row.at_load > 0) out += fmt::format(", {} at load", row.at_load);
  if (row.never > 0) out += fmt::format(", {} never", row.never);
  return out;
}

std::string confusion(const std::vector<PlacementRow>& rows, Sight sight) {
  std::map<std::pair<std::string, std::string>, int> sum;
  for (const PlacementRow& row : rows)
    if (row.sight == sight)
      for (const auto& [key, count] : row.confusion) sum[key] += count;
  const std::vector<std::string> verdicts{"gpu", "partial", "cpu", "unknown", "none"};
  std::string out = fmt::format("{:<10}", "truth");
  for (const std::string& v : verdicts) out += fmt::format("{:>9}", v);
  out += '\n';
  for (const std::string truth : {"gpu", "partial", "cpu"}) {
    out += fmt::format("{:<10}", truth);
    for (const std::string& v : verdicts) out += fmt::format("{:>9}", sum[{truth, v}]);
    out += '\n';
  }
  return out;
}

bool allowed(const std::vector<std::string>& words, const std::string& said) {
  return words.empty() || std::find(words.begin(), words.end(), said) != words.end();
}

void add_examples(const PlacementRun& run, const simulator::Expectation& expected, PlacementRow& row) {
  for (const JudgedRequest& r : run.requests) {
    if (!r.record || row.examples.size() >= kExamples) continue;
    const Verdict& v = r.record->verdict;
    const std::string said(to_string(v.placement));
    if (allowed(r.eligible ? expected.verdicts : expected.any_verdicts, said)) continue;
    row.examples.push_back(fmt::format("at {:.0f} s, {}, {} tokens of {}, {} {:.3f}: {}",
                                       to_seconds(r.truth.received.time_since_epoch()),
                                       to_string(r.record->witness), r.record->decode.output_tokens,
                                       r.truth.output_tokens, said, v.probability, v.explanation));
  }
}

}  // namespace

std::vector<PlacementScenario> read_placement_scenarios(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".jsonc") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<PlacementScenario> out;
  for (const auto& file : files) {
    PlacementScenario scenario{file, simulator::read_scenario(file)};
    if (scenario.scenario.expect) out.push_back(std::move(scenario));
  }
  return out;
}

PlacementRow run_row(const simulator::VirtualScenario& scenario, Sight sight, int seeds) {
  PlacementRow row;
  row.row = scenario.expect->row;
  row.title = scenario.expect->title;
  row.sight = sight;
  row.seeds = seeds;
  const simulator::Expectation& expected =
      sight == Sight::all ? scenario.expect->all : scenario.expect->unprivileged;
  for (int seed = 1; seed <= seeds; ++seed) {
    const PlacementRun run = run_placement(scenario, sight, static_cast<std::uint64_t>(seed));
    const std::vector<std::string> missed = misses(run, expected);
    row.passed += missed.empty() ? 1 : 0;
    for (const std::string& miss : missed) ++row.misses[miss];
    if (!missed.empty()) add_examples(run, expected, row);
    for (const Episode& e : run.episodes) {
      if (e.placement == Placement::gpu || expected.detect_within == 0) continue;
      if (!e.requests) {
        ++row.never;
        continue;
      }
      row.detect_requests.push_back(*e.requests);
      row.detect_seconds.push_back(e.decode_seconds);
      row.at_load += e.at_load ? 1 : 0;
    }
    for (const JudgedRequest& r : run.requests) {
      if (!r.eligible) continue;
      const std::string said = r.record ? std::string(to_string(r.record->verdict.placement)) : "none";
      ++row.confusion[{std::string(to_string(r.truth.placement)), said}];
    }
    row.false_alarms += run.false_alarms;
    row.simulated_hours += run.simulated_seconds / 3600;
  }
  return row;
}

std::string to_text(const std::vector<PlacementRow>& rows) {
  std::string out =
      "Where it ran: scenarios against the simulator's truth; every figure is simulated.\n"
      "Noticed: eligible requests / seconds of decode until the gauge told, median and worst.\n\n";
  out += fmt::format("{:>3} {:<46} {:<13} {:>8}  {}\n", "row", "scenario", "sight", "passed", "noticed");
  int passed = 0;
  int false_alarms = 0;
  double hours = 0;
  for (const PlacementRow& row : rows) {
    out += fmt::format("{:>3} {:<46} {:<13} {:>3} / {:>2}  {}{}\n", row.row, row.title,
                       row.sight == Sight::all ? "all" : "unprivileged", row.passed, row.seeds,
                       detection(row), row.passed == row.seeds ? "" : "  FAIL");
    int shown = 0;
    for (const auto& [miss, count] : row.misses)
      if (++shown <= 4) out += fmt::format("      {} x {}\n", count, miss);
    for (const std::string& example : row.examples) out += "        " + example + '\n';
    passed += row.passed == row.seeds ? 1 : 0;
    false_alarms += row.false_alarms;
    hours += row.simulated_hours;
  }
  for (const Sight sight : {Sight::unprivileged, Sight::all})
    out += fmt::format("\nVerdicts on eligible requests, {}:\n{}",
                       sight == Sight::all ? "all" : "unprivileged", confusion(rows, sight));
  out += fmt::format("\n{} of {} rows pass; {} false alarms in {:.0f} simulated hours\n", passed, rows.size(),
                     false_alarms, hours);
  return out;
}

}  // namespace tegrascope::accuracy
