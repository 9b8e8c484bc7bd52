#include <CLI/App.hpp>
#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "agent/app/agent.hpp"
#include "agent/app/log.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/signals.hpp"
#include "agent/cli/summary.hpp"
#include "simulator/scenario.hpp"
#include "simulator/simulation.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

// A directory of our own, removed with all it holds.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "tegrascope-demo-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "cannot create a directory like " + path);
    }
    path_ = path;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct DemoOptions {
  double seconds = 0;  // 0: until stopped
  std::string scenario = "fallback";
  std::uint64_t seed = 1;
  bool container = false;
};

// Points the agent at the simulation, leaving what the user chose.
void point_at(const simulator::Simulation& simulation, const std::filesystem::path& rootfs, Config& config) {
  config.paths.rootfs = rootfs;
  config.paths.procfs = rootfs / "proc";
  config.paths.sysfs = rootfs / "sys";
  config.paths.tegrastats = simulation.tegrastats();
  if (config.ollama_urls == std::vector<std::string>{"auto"}) config.ollama_urls = {simulation.ollama_url()};
  if (config.storage_path == "auto") config.storage_path = rootfs.parent_path() / "state";
  if (config.relay_listen_addresses.empty()) config.relay_listen_addresses = {"127.0.0.1:0"};
}

// Prints the requests that finished since the last call.
class LiveSummary {
 public:
  explicit LiveSummary(MonotonicTime since) : since_(since) {}

  void print_new(const Snapshot& snapshot) {
    for (const RequestRecord& record : snapshot.recent) {
      if (record.ended <= last_ended_) continue;
      last_ended_ = record.ended;
      if (rows_++ == 0) std::cout << summary_header() << '\n';
      std::cout << summary_row(record, since_) << std::endl;
    }
  }

 private:
  MonotonicTime since_;
  MonotonicTime last_ended_{};
  std::size_t rows_ = 0;
};

void watch(Agent& agent, simulator::Simulation& simulation, const DemoOptions& options, Signals& signals) {
  const MonotonicTime begin = monotonic_now();
  LiveSummary summary(begin);
  std::optional<MonotonicTime> done_at;
  for (;;) {
    if (signals.wait(250ms)) return;
    summary.print_new(*agent.snapshot());
    const MonotonicTime now = monotonic_now();
    if (options.seconds > 0 && to_seconds(now - begin) >= options.seconds) return;
    // A scenario with a finite script ends by itself once its last request has been judged.
    if (options.seconds <= 0 && simulation.clients_done()) {
      if (!done_at) done_at = now;
      if (now - *done_at > 3s) return;
    }
  }
}

// Where a client of this machine reaches what listens on `address`.
std::string url_of(const std::string& address, std::uint16_t port) {
  std::string host = address.substr(0, address.rfind(':'));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(bracketed ? host.substr(1, host.size() - 2) : host, error);
  if (host.empty() || (!error && ip.is_unspecified())) host = "127.0.0.1";
  if (!error && ip.is_v6() && !bracketed && !ip.is_unspecified()) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(port);
}

void print_urls(const Agent& agent, const simulator::Simulation& simulation, const Config& config) {
  const std::string web = url_of(config.web_listen_addresses.front(), agent.web_ports().front());
  std::cout << "simulated Orin Nano 8 GB with a simulated Ollama\n"
            << "  metrics      " << web << "/metrics\n"
            << "  status page  " << web << "/\n"
            << "  Ollama       " << simulation.ollama_url() << '\n';
  if (!agent.relay_ports().empty()) {
    std::cout << "  relay        "
              << url_of(config.relay_listen_addresses.front(), agent.relay_ports().front())
              << "  (send requests here to have them measured)\n";
  }
  std::cout << std::endl;
}

int run_demo(Config config, const DemoOptions& options) {
  Signals signals;
  configure_log(config.log_level, config.log_format);
  ScratchDirectory scratch;
  simulator::SimulationOptions simulated;
  simulated.rootfs = scratch.path() / "rootfs";
  simulated.scenario = options.scenario;
  simulated.seed = options.seed;
  simulated.container = options.container;
  simulator::Simulation simulation(simulated);
  simulation.start();
  point_at(simulation, simulated.rootfs, config);

  Agent agent(config);
  agent.start();
  simulation.begin();
  print_urls(agent, simulation, config);
  if (!agent.relay_ports().empty()) {
    simulation.start_clients(url_of(config.relay_listen_addresses.front(), agent.relay_ports().front()));
  }
  watch(agent, simulation, options, signals);
  // Clients first, so that no stream of theirs is in the relay when it drains.
  simulation.stop_clients();
  agent.stop();
  simulation.stop();
  return 0;
}

}  // namespace

int command_demo(int argc, const char* const* argv) {
  Config config;
  config.web_listen_addresses = {"127.0.0.1:0"};
  config.log_level = "warn";
  DemoOptions options;
  std::string scenarios;
  for (const std::string& name : simulator::scenario_names())
    scenarios += (scenarios.empty() ? "" : ", ") + name;

  CLI::App app(
      "Run the agent on a simulated Orin Nano with a simulated Ollama and traffic; leaves nothing behind.",
      "tegrascope demo");
  app.add_option("--seconds", options.seconds, "End after this many seconds; 0: until stopped")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  app.add_option("--scenario", options.scenario, "What happens: " + scenarios)->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the simulation's noise")
      ->check(not_negative())
      ->capture_default_str();
  app.add_flag("--container", options.container,
               "The simulated Ollama runs in a container with a published port");
  add_run_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  try {
    return run_demo(config, options);
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope demo: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "tegrascope demo: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
