// How long a scrape takes while 64 streams run through the relay, beside prometheus-node-exporter with the collectors
// that cover the same ground, asked in turns in the same run. As Prometheus asks: a kept connection, gzip. Requests end
// all the time, so nearly every scrape renders a new snapshot.
// Usage: scrape_bench [SCRAPES, 300]. Exit 1: a limit is exceeded.
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/agent_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kStreams = 64;
constexpr double kMostOfNodeExporter = 0.3;
constexpr double kMostMilliseconds = 10;
constexpr auto kBetweenScrapes = 100ms;

// 64 tokens at 30 a second.
constexpr const char* kRequest =
    R"({"model":"tiny","messages":[{"role":"user","content":"go"}],"options":{"num_predict":64,"num_delay_ms":33}})";

class Scraper {
 public:
  explicit Scraper(const std::string& url) : easy_(curl_easy_init()) {
    headers_ = curl_slist_append(nullptr, "Accept-Encoding: gzip");
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &bytes_);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &count);
  }
  ~Scraper() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  // Milliseconds from the request to the last byte.
  void scrape(bool keep = true) {
    bytes_ = 0;
    const auto begin = Clock::now();
    const CURLcode result = curl_easy_perform(easy_);
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK || status != 200) throw std::runtime_error("a scrape failed");
    if (keep) times_.push_back(took);
  }
  double percentile(double share) const {
    std::vector<double> sorted = times_;
    std::sort(sorted.begin(), sorted.end());
    return sorted.at(static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1)));
  }
  void print(const char* what) const {
    std::printf("%-44s p50 %6.2f ms  p99 %6.2f ms  most %6.2f ms  %zu bytes\n", what, percentile(0.5),
                percentile(0.99), percentile(1), bytes_);
  }

 private:
  static std::size_t count(char*, std::size_t size, std::size_t n, void* bytes) {
    *static_cast<std::size_t*>(bytes) += size * n;
    return size * n;
  }
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<double> times_;
};

bool within(const char* what, double value, double most) {
  std::printf("%-44s %6.2f  at most %.2f: %s\n", what, value, most, value <= most ? "ok" : "EXCEEDED");
  return value <= most;
}

int run(int scrapes) {
  const TempTree directory;
  const auto make = [&](const char* name) {
    std::filesystem::create_directories(directory.root() / name);
    return directory.root() / name;
  };
  const auto port_file = directory.root() / "upstream.port";
  ChildProcess upstream({TEGRASCOPE_STREAM_SERVER, "127.0.0.1", "0", port_file.string()}, make("upstream"));
  std::string port;
  if (!wait_until(10s, [&] { return !(port = read_file(port_file)).empty() && port.back() == '\n'; }))
    throw std::runtime_error("the stream server does not start");
  port.pop_back();
  AgentProcess agent(
      "run",
      {"--path.rootfs=" TEGRASCOPE_FIXTURES "/orin-nano-r36", "--ollama.url=http://127.0.0.1:" + port,
       "--relay.listen-address=127.0.0.1:0", "--log.level=warn"},
      make("agent"));

  std::atomic<bool> stopping{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kStreams; ++i)
    clients.emplace_back([&] {
      while (!stopping)
        if (http_post(agent.relay_url() + "/api/chat", kRequest).status == 200) ++answered;
    });
  const bool streaming = wait_until(20s, [&] { return answered >= kStreams; });

  std::unique_ptr<ChildProcess> exporter;
  std::unique_ptr<Scraper> theirs;
  if (const auto program = find_tool("prometheus-node-exporter")) {
    const std::string address = "127.0.0.1:" + free_port();
    std::vector<std::string> command{*program, "--web.listen-address=" + address,
                                     "--collector.disable-defaults"};
    for (const char* name : {"cpu", "cpufreq", "meminfo", "loadavg", "thermal_zone", "hwmon", "diskstats",
                             "netdev", "filesystem", "stat", "vmstat", "pressure"})
      command.push_back(std::string("--collector.") + name);
    exporter = std::make_unique<ChildProcess>(command, make("node_exporter"));
    const std::string url = "http://" + address + "/metrics";
    if (wait_until(20s, [&] { return http_get(url).status == 200; })) theirs = std::make_unique<Scraper>(url);
  }
  Scraper ours(agent.url() + "/metrics");
  for (int i = -5; streaming && i < scrapes; ++i) {
    ours.scrape(i >= 0);
    if (theirs) theirs->scrape(i >= 0);
    std::this_thread::sleep_for(kBetweenScrapes);
  }
  const auto in_flight = agent.scrape().sum("tegrascope_requests_in_flight").value_or(0);
  const int requests = answered;
  stopping = true;
  for (std::thread& client : clients) client.join();
  if (!streaming) throw std::runtime_error("the streams do not run");

  std::printf("%.0f streams in flight, %d requests answered meanwhile\n", in_flight, requests);
  ours.print("tegrascope, rendered anew");
  bool good = in_flight >= kStreams / 2;
  if (theirs) {
    theirs->print("node_exporter, lean collectors");
    good = within("p50, times node_exporter's", ours.percentile(0.5) / theirs->percentile(0.5),
                  kMostOfNodeExporter) &&
           good;
  } else {
    std::printf("no prometheus-node-exporter in build/tools or PATH: not compared\n");
  }
  good = within("p99 of tegrascope, ms", ours.percentile(0.99), kMostMilliseconds) && good;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tegrascope::test

int main(int count, char** arguments) try {
  const int scrapes = count > 1 ? std::atoi(arguments[1]) : 300;
  if (scrapes < 10) throw std::runtime_error("usage: scrape_bench [SCRAPES]");
  return tegrascope::test::run(scrapes);
} catch (const std::exception& error) {
  std::cerr << "scrape_bench: " << error.what() << "\n";
  return 2;
}
