#include "agent/app/config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace tegrascope {
namespace {

using std::chrono::nanoseconds;

constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

}  // namespace

nanoseconds parse_duration(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && number >= 0 && number < 1e6) {
    for (const auto& [name, scale] : kUnits) {
      if (unit == name) return nanoseconds(static_cast<std::int64_t>(number * scale));
    }
  }
  throw std::invalid_argument("'" + text +
                              "' is not a duration; write a number with ns, us, ms, s, m or h, as in 100ms");
}

std::string format_duration(nanoseconds duration) {
  for (const auto& [name, scale] : {std::pair{"s", 1'000'000'000LL}, {"ms", 1'000'000LL}, {"us", 1'000LL}}) {
    if (duration.count() % scale == 0) return std::to_string(duration.count() / scale) + name;
  }
  return std::to_string(duration.count()) + "ns";
}

bool observes(const Config& config, const std::string& witness) {
  return std::any_of(config.observe.begin(), config.observe.end(),
                     [&](const std::string& w) { return w == "auto" || w == witness; });
}

void validate(const Config& config) {
  const bool relay_asked =
      std::find(config.observe.begin(), config.observe.end(), "relay") != config.observe.end();
  if (relay_asked && config.relay_listen_addresses.empty()) {
    throw std::invalid_argument(
        "--observe names the relay, which has no address: add --relay.listen-address, as in 127.0.0.1:11481");
  }
  if (config.ollama_urls.size() > 1 &&
      std::find(config.ollama_urls.begin(), config.ollama_urls.end(), "auto") != config.ollama_urls.end()) {
    throw std::invalid_argument("--ollama.url is both auto and an address: name all the servers, or none");
  }
  using namespace std::chrono_literals;
  if (config.sample_interval < 10ms || config.sample_interval > 10s) {
    throw std::invalid_argument("--sample.interval is " + format_duration(config.sample_interval) +
                                ": choose between 10ms and 10s");
  }
}

}  // namespace tegrascope
