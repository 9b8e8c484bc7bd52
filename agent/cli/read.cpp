#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "agent/app/board_report.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/read_json.hpp"
#include "agent/cli/read_text.hpp"

namespace tegrascope {
namespace {

// 0, or the errno of the write that failed.
int print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

std::vector<std::string> collector_names() {
  std::vector<std::string> names;
  for (const CollectorInfo& info : builtin_collectors()) names.emplace_back(info.name);
  return names;
}

// Why a report of `only` (empty: of all) holds nothing, and what to do.
std::string nothing_read(const Config& config, const BoardReport& report, const std::set<std::string>& only) {
  std::string absent;
  for (const CollectorReport& collector : report.collectors) {
    if (only.count(collector.name) == 0 || collector.state != CollectorState::absent) continue;
    absent += (absent.empty() ? "" : ", ") + collector.name;
  }
  const bool failed = std::any_of(report.collectors.begin(), report.collectors.end(), [&](const auto& c) {
    return only.count(c.name) != 0 && c.state == CollectorState::failed;
  });
  if (!absent.empty() && !failed) return "nothing could be read: this machine has no hardware for " + absent;
  return "nothing could be read below " + config.paths.procfs.string() + " and " +
         config.paths.sysfs.string() +
         ": mount the host's /proc and /sys there, or name them with --path.rootfs";
}

int read_board_once(const Config& config, const std::set<std::string>& only, bool json) {
  const BoardReport report = read_board_report(config, only);
  std::signal(SIGPIPE, SIG_IGN);
  const int error = print(json ? report_json(report) : report_text(report));
  if (error != 0 && error != EPIPE) {  // a reader that has seen enough is no fault
    std::cerr << "tegrascope read: cannot write to standard output: "
              << std::generic_category().message(error) << '\n';
    return 1;
  }
  if (!is_empty(report)) return 0;
  std::cerr << "tegrascope read: " << nothing_read(config, report, only) << '\n';
  return 1;
}

}  // namespace

int command_read(int argc, const char* const* argv) {
  Config config;
  bool json = false;
  std::vector<std::string> names;
  CLI::App app(
      "Take one reading of every sensor of the board: value, unit, source and time of the read, or the "
      "reason why "
      "it is absent and, where a permission is missing, how to grant it. Takes about a third of a second. "
      "Exit "
      "code 1: nothing could be read.",
      "tegrascope read");
  app.add_option("COLLECTOR", names, "Read these collectors only")->check(CLI::IsMember(collector_names()));
  app.add_flag("--json", json, "One JSON document in base units");
  add_source_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  const std::set<std::string> only(names.begin(), names.end());
  for (const std::string& name : only) config.collectors.try_emplace(name, true);
  try {
    return read_board_once(config, only, json);
  } catch (const std::exception& e) {
    std::cerr << "tegrascope read: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
