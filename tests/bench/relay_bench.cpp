// What the agent costs as a relay, beside nginx as one would put it before Ollama, in turns in the same run: CPU per
// token, latency added to a token, memory. All of the agent counts, sampling and accounting with it. Ratios are taken
// within a round. Usage: relay_bench [ROUNDS, 5] [SECONDS of each load, 3] [FLAG of `tegrascope run`...]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>

#include "tests/bench/token_load.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/http.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Profile {
  const char* name;
  const char* what;
  TokenLoad load;
};
const Profile kProfiles[] = {
    {"slow1", "1 stream of 50 tokens/s", {1, 50, 20000us, false}},
    {"lock4", "4 streams of 50 tokens/s in lockstep", {4, 50, 20000us, true}},
    {"paced", "64 streams of 100 tokens/s", {64, 100, 10000us, false}},
};
// Others use no more than this of the machine in a sample that counts.
constexpr double kQuietCores = 0.35;
constexpr int kTries = 3;

struct Target {
  std::string name;
  std::string port;
  pid_t pid = 0;  // 0: no proxy
};

// CPU seconds by thread name.
std::map<std::string, double> cpu_of(pid_t pid) {
  std::map<std::string, double> out;
  if (pid == 0) return out;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    out[name] += nanoseconds / 1e9;
  }
  return out;
}

double sum_of(const std::map<std::string, double>& cpu) {
  double sum = 0;
  for (const auto& [name, seconds] : cpu) sum += seconds;
  return sum;
}

double machine_seconds() {
  std::ifstream stat("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0;
  stat >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft;
  return (user + nice + system + interrupts + soft) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Sample {
  double cpu_us = 0;  // per token
  std::map<std::string, double> threads_us;
  double p50_us = 0;
  double p99_us = 0;
  double others = 0;  // cores
};

Sample take(const Target& target, const TokenLoad& load, TokenServer& server, std::chrono::seconds time) {
  server.set(load);
  const auto began = std::chrono::steady_clock::now();
  const double self_before = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const double machine_before = machine_seconds();
  const std::uint64_t tokens_before = server.tokens_sent();
  const auto before = cpu_of(target.pid);
  const TokenTimes times = read_tokens(target.port, load, 500ms, time);
  auto after = cpu_of(target.pid);
  const auto tokens = static_cast<double>(server.tokens_sent() - tokens_before);
  if (times.bad > 0 || times.latency_us.empty())
    throw std::runtime_error(target.name + ": answers broke off");
  Sample out;
  for (const auto& [name, seconds] : before) after[name] -= seconds;
  const double cpu = sum_of(after);
  out.cpu_us = cpu / tokens * 1e6;
  for (const auto& [name, seconds] : after) out.threads_us[name] = seconds / tokens * 1e6;
  out.p50_us = times.percentile(0.5);
  out.p99_us = times.percentile(0.99);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double self = static_cast<double>(std::clock()) / CLOCKS_PER_SEC - self_before;
  out.others = std::max(machine_seconds() - machine_before - self - cpu, 0.0) / wall;
  return out;
}

// Of several tries the one in which others did least, whatever it says.
Sample take_quiet(const Target& target, const TokenLoad& load, TokenServer& server,
                  std::chrono::seconds time) {
  Sample best;
  for (int i = 0; i < kTries; ++i) {
    const Sample sample = take(target, load, server, time);
    if (i == 0 || sample.others < best.others) best = sample;
    if (best.others <= kQuietCores) break;
  }
  return best;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

using Rounds = std::map<std::string, std::vector<Sample>>;

template <class Value>
double median_of(const std::vector<Sample>& samples, Value value) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(value(sample));
  return median(values);
}

void print(const Profile& profile, const Rounds& rounds) {
  double others = 0;
  for (const auto& [name, samples] : rounds)
    for (const Sample& sample : samples) others = std::max(others, sample.others);
  std::printf("\n%s: %s; others used at most %.2f cores%s\n", profile.name, profile.what, others,
              others > kQuietCores ? ": NOT QUIET" : "");
  for (const auto& [name, samples] : rounds)
    std::printf("  %-10s  p50 %6.1f us  p99 %7.1f us  CPU %6.2f us a token\n", name.c_str(),
                median_of(samples, [](const Sample& s) { return s.p50_us; }),
                median_of(samples, [](const Sample& s) { return s.p99_us; }),
                median_of(samples, [](const Sample& s) { return s.cpu_us; }));
  std::map<std::string, std::vector<double>> threads;
  for (const Sample& sample : rounds.at("tegrascope"))
    for (const auto& [name, us] : sample.threads_us) threads[name].push_back(us);
  for (const auto& [name, us] : threads) {
    if (median(us) >= 0.05) std::printf("    thread %-15s %6.2f us a token\n", name.c_str(), median(us));
  }
  if (rounds.count("nginx") == 0) return;
  std::vector<double> cpu, p99, added;
  for (std::size_t i = 0; i < rounds.at("nginx").size(); ++i) {
    const Sample& direct = rounds.at("direct")[i];
    const Sample& nginx = rounds.at("nginx")[i];
    const Sample& ours = rounds.at("tegrascope")[i];
    cpu.push_back(ours.cpu_us / nginx.cpu_us);
    p99.push_back(ours.p99_us / nginx.p99_us);
    if (nginx.p50_us > direct.p50_us * 1.02)
      added.push_back((ours.p50_us - direct.p50_us) / (nginx.p50_us - direct.p50_us));
  }
  std::printf("  times nginx: CPU a token %.2f, added p50 %.2f, p99 %.2f\n", median(cpu), median(added),
              median(p99));
}

void print_memory(const Target& target) {
  std::ifstream rollup("/proc/" + std::to_string(target.pid) + "/smaps_rollup");
  std::map<std::string, double> mib;
  for (std::string line; std::getline(rollup, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos) mib[line.substr(0, colon)] = std::atof(line.c_str() + colon + 1) / 1024;
  }
  std::printf("  %-10s  dirty %5.2f MiB  PSS %5.2f MiB  RSS %5.2f MiB\n", target.name.c_str(),
              mib["Private_Dirty"], mib["Pss"], mib["Rss"]);
}

std::string nginx_settings(const fs::path& directory, const std::string& port, const std::string& upstream) {
  std::string paths;
  for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    paths += std::string(name) + "_temp_path " + (directory / name).string() + "; ";
  return "worker_processes 1; daemon off; master_process off; pid " + (directory / "nginx.pid").string() +
         "; error_log stderr crit; events {} http { access_log off; " + paths +
         "keepalive_requests 1000000; upstream ollama { server 127.0.0.1:" + upstream +
         "; keepalive 128; } server { listen 127.0.0.1:" + port +
         "; location / { proxy_pass http://ollama; proxy_http_version 1.1; proxy_set_header Connection \"\"; "
         "proxy_buffering off; proxy_read_timeout 600s; } } }";
}

int run(int rounds, std::chrono::seconds time, const std::vector<std::string>& flags) {
  TokenServer server;
  std::vector<Target> targets{{"direct", server.port(), 0}};
  const TempTree directory;
  std::unique_ptr<ChildProcess> nginx;
  if (const auto program = find_tool("nginx")) {
    const std::string port = free_port();
    const fs::path settings = directory.root() / "nginx.conf";
    std::ofstream(settings) << nginx_settings(directory.root(), port, server.port());
    nginx = std::make_unique<ChildProcess>(
        std::vector<std::string>{*program, "-e", "stderr", "-p", directory.root().string(), "-c",
                                 settings.string()},
        directory.root());
    if (!wait_until(10s, [&] { return http_get("http://127.0.0.1:" + port + "/").status == 200; }))
      throw std::runtime_error("nginx does not answer: " + nginx->errors());
    targets.push_back({"nginx", port, nginx->pid()});
  } else {
    std::printf("no nginx in build/tools or PATH: not compared\n");
  }
  std::vector<std::string> agent_flags{"--path.rootfs=" TEGRASCOPE_FIXTURES "/orin-nano-r36",
                                       "--path.procfs=/proc",
                                       "--storage.path=none",
                                       "--log.level=error",
                                       "--ollama.url=http://127.0.0.1:" + server.port(),
                                       "--relay.listen-address=127.0.0.1:0"};
  agent_flags.insert(agent_flags.end(), flags.begin(), flags.end());
  AgentProcess agent("run", agent_flags, directory.root());
  const std::string relay = agent.relay_url();
  targets.push_back({"tegrascope", relay.substr(relay.rfind(':') + 1), agent.process().pid()});

  for (const Profile& profile : kProfiles) {
    Rounds results;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < targets.size(); ++i) {
        const Target& target = targets[(i + static_cast<std::size_t>(round)) % targets.size()];
        results[target.name].push_back(take_quiet(target, profile.load, server, time));
      }
    }
    print(profile, results);
  }
  std::printf("\nmemory, after 64 streams\n");
  for (const Target& target : targets)
    if (target.pid != 0) print_memory(target);
  return 0;
}

}  // namespace
}  // namespace tegrascope::test

int main(int count, char** arguments) try {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 5;
  const int seconds = count > 2 ? std::atoi(arguments[2]) : 3;
  if (rounds < 1 || seconds < 1) throw std::runtime_error("usage: relay_bench [ROUNDS] [SECONDS] [FLAG...]");
  const std::vector<std::string> flags(arguments + std::min(count, 3), arguments + count);
  return tegrascope::test::run(rounds, std::chrono::seconds(seconds), flags);
} catch (const std::exception& error) {
  std::cerr << "relay_bench: " << error.what() << "\n";
  return 2;
}
