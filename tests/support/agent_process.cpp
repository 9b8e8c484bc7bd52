#include "tests/support/agent_process.hpp"

#include <algorithm>
#include <stdexcept>

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> arguments(const std::string& program, const std::string& command,
                                   const std::vector<std::string>& flags, const std::filesystem::path& web,
                                   const std::filesystem::path& relay) {
  std::vector<std::string> out{program, command, "--web.port-file=" + web.string(),
                               "--relay.port-file=" + relay.string()};
  if (command == "run") out.emplace_back("--web.listen-address=127.0.0.1:0");
  // Nothing goes into the state folder of whoever runs the tests.
  const bool chosen = std::any_of(flags.begin(), flags.end(), [](const std::string& flag) {
    return flag.rfind("--storage.path", 0) == 0;
  });
  if (!chosen) out.push_back("--storage.path=" + (web.parent_path() / "state").string());
  out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

std::string first_line(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string agent_program() { return TEGRASCOPE_PROGRAM; }

AgentProcess::AgentProcess(const std::string& command, const std::vector<std::string>& flags,
                           const std::filesystem::path& directory, const std::string& program)
    : web_port_file_(directory / "web.port"),
      relay_port_file_(directory / "relay.port"),
      process_(arguments(program, command, flags, web_port_file_, relay_port_file_), directory,
               {"TEGRASCOPE_STORAGE_PATH=none"}) {
  const auto ready = [&] { return has_port_files() || !process_.running(); };
  if (!wait_until(20s, ready) || !has_port_files()) {
    throw std::runtime_error("the agent did not start: " + process_.errors() + process_.output());
  }
  web_port_ = first_line(web_port_file_);
  relay_port_ = first_line(relay_port_file_);
}

bool AgentProcess::has_port_files() const {
  return std::filesystem::exists(web_port_file_) && std::filesystem::exists(relay_port_file_);
}

Exposition AgentProcess::scrape() const {
  const TestAnswer answer = http_get(url() + "/metrics");
  if (answer.status != 200) {
    throw std::runtime_error("/metrics answered " + std::to_string(answer.status) + " " + answer.error);
  }
  return Exposition(answer.body);
}

}  // namespace tegrascope::test
