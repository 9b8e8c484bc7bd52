// The agent as systemd starts it with a socket unit: the listening sockets are the test's and outlive the agent.
#pragma once

#include <string>
#include <vector>

#include "tests/support/agent_process.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace tegrascope::test {

class HeldSockets {
 public:
  std::string relay_url() const { return "http://127.0.0.1:" + std::to_string(relay_.port()); }
  std::string web_url() const { return "http://127.0.0.1:" + std::to_string(web_.port()); }
  std::uint16_t relay_port() const { return relay_.port(); }

  // `names`: LISTEN_FDNAMES. `environment`: of the agent, beside this process' own.
  std::unique_ptr<ChildProcess> start_agent(const std::vector<std::string>& flags,
                                            const std::filesystem::path& directory,
                                            const std::string& names = "relay:web",
                                            const std::vector<std::string>& environment = {}) const {
    std::vector<std::string> arguments{
        "/bin/sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=" + names + " exec \"$0\" \"$@\"",
        agent_program(), "run"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return std::make_unique<ChildProcess>(arguments, directory, environment,
                                          std::vector<int>{relay_.descriptor(), web_.descriptor()});
  }

 private:
  ScriptedUpstream relay_;
  ScriptedUpstream web_;
};

}  // namespace tegrascope::test
