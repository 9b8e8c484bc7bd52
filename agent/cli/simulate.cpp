// `tegrascope simulate`: a scenario file on the virtual clock, truth beside the agent's answer.
#include <CLI/App.hpp>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

#include "agent/accuracy/report.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/replay.hpp"

namespace tegrascope {
namespace {

struct SimulateOptions {
  std::string scenario;
  std::string replay;
  accuracy::StudyOptions study;
  double rate_hz = 0;
  int averaging = 0;
  bool json = false;
};

// A path, or the name of a scenario that was installed with the program.
std::filesystem::path find_scenario_file(const std::string& given) {
  if (std::filesystem::exists(given)) return given;
  if (given.find('/') == std::string::npos) {
    std::error_code ignored;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const auto installed =
        program.parent_path().parent_path() / "share/tegrascope/scenarios" / (given + ".jsonc");
    if (std::filesystem::exists(installed)) return installed;
  }
  throw std::invalid_argument("scenario " + given +
                              ": no such file; give the path of one, as simulator/scenarios/NAME.jsonc");
}

int run_simulation(const SimulateOptions& options) {
  const auto scenario = simulator::read_scenario(find_scenario_file(options.scenario));
  const accuracy::StudyResult result = accuracy::run_study(scenario, options.study);
  const accuracy::Summary summary = accuracy::summarize({result});
  if (options.json) {
    std::cout << accuracy::to_json(result, summary) << '\n';
  } else {
    std::cout << accuracy::to_text(summary);
  }
  return summary.conserved ? 0 : 1;
}

}  // namespace

int command_simulate(int argc, const char* const* argv) {
  SimulateOptions options;
  CLI::App app(
      "Run the agent's analysis on a simulated board and Ollama on a virtual clock and print its answers "
      "beside the truth (all figures are simulated); or, with --replay, on what an agent recorded with "
      "--record or its "
      "flight recorder kept. Exit code 1 when the books do not balance, or a recording is damaged.",
      "tegrascope simulate");
  CLI::Option_group* what = app.add_option_group("what to run");
  what->add_option("--scenario", options.scenario,
                   "File (JSON, comments allowed), or name of an installed one");
  what->add_option("--replay", options.replay,
                   "File that `tegrascope run --record` or the flight recorder wrote");
  what->require_option(1);
  app.add_option("--seed", options.study.seed, "Seed of everything that is random")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--rate", options.rate_hz,
                 "Samples per second while a request is in flight; 0: the scenario's")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--averaging", options.averaging,
                 "Samples that the power monitor averages; 0: the scenario's")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print each request with truth and answer, and the summary");
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  if (options.rate_hz > 0) options.study.rate_hz = options.rate_hz;
  if (options.averaging > 0) options.study.averaging_samples = options.averaging;
  try {
    if (!options.replay.empty()) return replay_file(options.replay, options.json, "tegrascope simulate");
    return run_simulation(options);
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope simulate: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "tegrascope simulate: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
