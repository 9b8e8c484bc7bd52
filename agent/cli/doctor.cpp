#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "agent/app/doctor/gather.hpp"
#include "agent/app/doctor/report.hpp"
#include "agent/app/log.hpp"
#include "agent/app/version.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/read_json.hpp"

namespace tegrascope {
namespace {

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

void write_bundle(const std::string& path, const DoctorFacts& facts, const std::vector<Finding>& findings) {
  const std::string text = bundle_json(facts, findings, report_json(facts.report), version(), machine_name());
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (file) file << text << std::flush;
  if (!file) {
    throw std::invalid_argument("--bundle " + path + ": cannot be written: " +
                                std::generic_category().message(errno == 0 ? EIO : errno));
  }
}

}  // namespace

int command_doctor(int argc, const char* const* argv) {
  Config config;
  bool json = false;
  std::string bundle;
  CLI::App app(
      "Look at the board and its Ollama: what is there, what is wrong, why it matters and the command that "
      "mends it. "
      "Changes nothing and loads nothing. Exit code 0: nothing is wrong; 1: a warning or a problem.",
      "tegrascope doctor");
  app.add_flag("--json", json, "One JSON document");
  app.add_option(
      "--bundle", bundle,
      "Write a file for a bug report as well: findings, servers and all readings, without addresses, serial "
      "numbers, keys, home folders, host name, prompts or log lines");
  add_source_options(app, config);
  add_server_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  std::signal(SIGPIPE, SIG_IGN);
  configure_log("error", "logfmt");
  try {
    const DoctorFacts facts = gather_doctor_facts(config);
    const std::vector<Finding> findings = find_all(facts);
    std::cout << (json ? findings_json(facts, findings) : findings_text(findings)) << std::flush;
    if (!bundle.empty()) {
      write_bundle(bundle, facts, findings);
      std::cerr << "tegrascope doctor: wrote " << bundle << ": look through it before you send it\n";
    }
    return exit_code(findings);
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope doctor: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "tegrascope doctor: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
