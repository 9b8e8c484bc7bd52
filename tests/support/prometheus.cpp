#include "tests/support/prometheus.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/free_port.hpp"
#include "tests/support/http.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

}  // namespace

std::optional<std::string> find_tool(const std::string& name) {
  std::istringstream path(std::string(TEGRASCOPE_SOURCE_DIR "/build/tools/usr/bin:" TEGRASCOPE_SOURCE_DIR
                                                            "/build/tools/usr/sbin:/usr/sbin:") +
                          (std::getenv("PATH") != nullptr ? std::getenv("PATH") : ""));
  for (std::string directory; std::getline(path, directory, ':');) {
    const std::string candidate = directory + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

PrometheusServer::PrometheusServer(const std::string& program, const std::string& target,
                                   const std::filesystem::path& directory, const std::string& more) {
  const std::string config = (directory / "prometheus.yml").string();
  std::ofstream(config) << "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                           "scrape_configs:\n"
                           "- job_name: tegrascope\n"
                           "  static_configs: [{targets: ['"
                        << target << "']}]\n"
                        << more;
  const std::string address = "127.0.0.1:" + free_port();
  url_ = "http://" + address;
  process_.emplace(std::vector<std::string>{program, "--config.file=" + config,
                                            "--storage.tsdb.path=" + (directory / "tsdb").string(),
                                            "--web.listen-address=" + address, "--log.level=warn"},
                   directory);
  if (!wait_until(20s, [&] { return http_get(url_ + "/-/ready").status == 200; })) {
    throw std::runtime_error("Prometheus did not get ready: " + process_->errors());
  }
}

nlohmann::json PrometheusServer::query(const std::string& expression) const {
  const TestAnswer answer = http_get(url_ + "/api/v1/query?query=" + url_encode(expression));
  const auto body = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !body.is_object()) {
    throw std::runtime_error("query " + expression + " failed: " + answer.body + answer.error);
  }
  return body["data"]["result"];
}

std::optional<double> PrometheusServer::value(const std::string& expression) const {
  const auto result = query(expression);
  if (result.size() != 1) return std::nullopt;
  const double number = std::strtod(result[0]["value"][1].get<std::string>().c_str(), nullptr);
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace tegrascope::test
