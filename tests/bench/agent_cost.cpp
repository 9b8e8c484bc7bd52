// What `tegrascope run` costs on the Orin Nano fixture, beside prometheus-node-exporter in the same run where that is
// to be had. CPU time by /proc/PID/task/*/schedstat (nanoseconds; stat counts in 10 ms), context switches by
// /proc/PID/task/*/status. Usage: agent_cost [SECONDS per phase, 20]. Exit 1: a limit is exceeded.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/support/agent_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double kMostOfACoreAt10Hz = 1;  // per cent
constexpr double kMostSwitchesAt1Hz = 5;  // per second

struct Usage {
  double cpu_seconds = 0;
  double switches = 0;
  double machine_seconds = 0;  // busy time of all cores
  Clock::time_point at = Clock::now();
};

Usage usage_of(pid_t pid) {
  Usage usage;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    usage.cpu_seconds += nanoseconds / 1e9;
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      double switches = 0;
      if (word.find("ctxt_switches:") != std::string::npos && status >> switches) usage.switches += switches;
    }
  }
  std::ifstream stat("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0;
  stat >> name >> user >> nice >> system;
  usage.machine_seconds = (user + nice + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return usage;
}

struct Cost {
  double percent = 0;
  double switches = 0;  // per second
  double scrape_ms = 0;
  double others = 0;  // cores that everything else used meanwhile
};

// For so long, scraped once a second where there is a URL.
Cost measure(pid_t pid, std::chrono::seconds time, const std::string& url = {}) {
  const Usage before = usage_of(pid);
  for (int second = 1; second <= time.count(); ++second) {
    if (!url.empty() && http_get(url).status != 200) throw std::runtime_error(url + " does not answer");
    std::this_thread::sleep_until(before.at + std::chrono::seconds(second));
  }
  const Usage after = usage_of(pid);
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  const double cpu = after.cpu_seconds - before.cpu_seconds;
  return {cpu / seconds * 100, (after.switches - before.switches) / seconds,
          cpu * 1e3 / static_cast<double>(time.count()),
          (after.machine_seconds - before.machine_seconds - cpu) / seconds};
}

void print(const char* what, const Cost& cost) {
  std::printf("%-52s %6.3f %% of a core  %6.1f context switches/s  (others: %.2f cores)\n", what,
              cost.percent, cost.switches, cost.others);
  std::fflush(stdout);
}

bool within(const char* what, double value, double most) {
  std::printf("%-52s %6.2f  at most %.2f: %s\n", what, value, most, value <= most ? "ok" : "EXCEEDED");
  return value <= most;
}

Cost agent(const char* what, const std::string& interval, std::chrono::seconds time, bool scraped) {
  const TempTree directory;
  AgentProcess process("run",
                       {"--path.rootfs=" TEGRASCOPE_FIXTURES "/orin-nano-r36",
                        "--sample.idle-interval=" + interval, "--sample.interval=" + interval},
                       directory.root());
  std::this_thread::sleep_for(3s);  // the start
  const Cost cost =
      measure(process.process().pid(), time, scraped ? process.url() + "/metrics" : std::string());
  print(what, cost);
  return cost;
}

std::optional<Cost> node_exporter(const char* what, std::chrono::seconds time) {
  const auto program = find_tool("prometheus-node-exporter");
  if (!program) return std::nullopt;
  const TempTree directory;
  const std::string address = "127.0.0.1:" + free_port();
  ChildProcess process({*program, "--web.listen-address=" + address}, directory.root());
  const std::string url = "http://" + address + "/metrics";
  if (!wait_until(20s, [&] { return http_get(url).status == 200; })) return std::nullopt;
  const Cost cost = measure(process.pid(), time, url);
  print(what, cost);
  return cost;
}

int run(std::chrono::seconds time) {
  const Cost idle = agent("tegrascope run, 1 Hz, nobody scrapes", "1s", time, false);
  const Cost quick = agent("tegrascope run, 10 Hz, nobody scrapes", "100ms", time, false);
  const Cost scraped = agent("tegrascope run, 1 Hz, scraped at 1 Hz", "1s", time, true);
  const auto peer = node_exporter("node_exporter (this machine), scraped at 1 Hz", time);
  if (peer)
    std::printf("%-52s %6.2f ms against %.2f ms: %.2f times\n", "CPU per second of both, scraped at 1 Hz",
                scraped.scrape_ms, peer->scrape_ms, scraped.scrape_ms / peer->scrape_ms);
  else
    std::printf("no prometheus-node-exporter in build/tools or PATH: not compared\n");
  const bool cpu = within("% of a core at 10 Hz", quick.percent, kMostOfACoreAt10Hz);
  const bool switches = within("context switches/s at 1 Hz", idle.switches, kMostSwitchesAt1Hz);
  return cpu && switches ? 0 : 1;
}

}  // namespace
}  // namespace tegrascope::test

int main(int count, char** arguments) try {
  const int seconds = count > 1 ? std::atoi(arguments[1]) : 20;
  if (seconds < 1) throw std::runtime_error("usage: agent_cost [SECONDS]");
  return tegrascope::test::run(std::chrono::seconds(seconds));
} catch (const std::exception& error) {
  std::cerr << "agent_cost: " << error.what() << "\n";
  return 2;
}
