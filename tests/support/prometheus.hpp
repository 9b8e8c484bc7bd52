// A real Prometheus, started on a free port against one target, and its promtool.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/support/child_process.hpp"

namespace tegrascope::test {

// From build/tools, where ./dev unpacks it, or the PATH; absent: not on this machine.
std::optional<std::string> find_tool(const std::string& name);

class PrometheusServer {
 public:
  // Scrapes `target` (host:port) each second. `more`: further sections of its configuration. Throws when it does
  // not get ready.
  PrometheusServer(const std::string& program, const std::string& target,
                   const std::filesystem::path& directory, const std::string& more = {});

  // Result vector of an instant query; empty when nothing matches. Throws on an error.
  nlohmann::json query(const std::string& expression) const;
  // The single value of an instant query; absent when there is none or it is not a number.
  std::optional<double> value(const std::string& expression) const;

 private:
  std::string url_;
  std::optional<ChildProcess> process_;
};

}  // namespace tegrascope::test
