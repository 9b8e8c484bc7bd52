// The real program, started as a user would and scraped as Prometheus would.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/exposition.hpp"
#include "tests/support/http.hpp"

namespace tegrascope::test {

// The path of `tegrascope`.
std::string agent_program();

class AgentProcess {
 public:
  // command: "run" or "demo". Waits until it listens; throws std::runtime_error with its log when it does
  // not.
  AgentProcess(const std::string& command, const std::vector<std::string>& flags,
               const std::filesystem::path& directory, const std::string& program = agent_program());

  ChildProcess& process() { return process_; }
  std::string url() const { return "http://127.0.0.1:" + web_port_; }
  std::string relay_url() const { return "http://127.0.0.1:" + relay_port_; }
  std::string web_address() const { return "127.0.0.1:" + web_port_; }

  // Throws when /metrics does not answer 200.
  Exposition scrape() const;
  bool has_port_files() const;

 private:
  std::filesystem::path web_port_file_;
  std::filesystem::path relay_port_file_;
  ChildProcess process_;
  std::string web_port_;
  std::string relay_port_;
};

}  // namespace tegrascope::test
