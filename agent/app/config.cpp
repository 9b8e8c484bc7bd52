#include "agent/app/config.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "agent/app/web_hook.hpp"
#include "collectors/ollama/server_address.hpp"
#include "exporters/http/listen_address.hpp"

namespace tegrascope {
namespace {

using std::chrono::nanoseconds;

constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

bool is_literal(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

// A name is resolved when the relay starts; what looks like an address must be one.
void check_relay_address(const std::string& address) {
  const auto refuse = [&address](const std::string& what) {
    throw std::invalid_argument(
        "--relay.listen-address: '" + address + "' " + what +
        "; write ADDRESS:PORT, for example 127.0.0.1:11481 or [::1]:11481, with port 0 "
        "for a free one");
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) refuse("has no port");
  const char* end = address.data() + address.size();
  unsigned port = 0;
  const auto [stopped, error] = std::from_chars(address.data() + colon + 1, end, port);
  if (error != std::errc{} || stopped != end || port > 65535) refuse("has no port from 0 to 65535");
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool like_ipv4 = !host.empty() && host.find_first_not_of("0123456789.") == std::string::npos;
  const bool like_ipv6 = bracketed || host.find(':') != std::string::npos;
  if ((like_ipv4 || like_ipv6) && !is_literal(host)) refuse("holds no IP address");
  if (host.find_first_of(" \t/@[]") != std::string::npos) refuse("holds no name of a host");
}

// A name, an address or *.NAME as in --relay.allowed-hosts; "*" for any.
void check_host_name(const std::string& name) {
  const std::string plain = name.rfind("*.", 0) == 0 ? name.substr(2) : name;
  const bool wrong = plain.empty() || plain.find_first_of("/@ \t*,") != std::string::npos ||
                     std::count(plain.begin(), plain.end(), ':') == 1;
  if (name == "*" || !wrong) return;
  throw std::invalid_argument(
      "--relay.allowed-hosts holds '" + name +
      "': write names or addresses without port, as in jetson.home.lan, *.ts.net or * for any");
}

void check_events(const Config& config) {
  constexpr std::uint64_t kLeast = 1u << 20;
  if (config.record_max_bytes < kLeast) {
    throw std::invalid_argument("--recording.max-bytes is " + std::to_string(config.record_max_bytes) +
                                ": choose at least " + std::to_string(kLeast));
  }
  if (!config.events_web_hook_url.empty()) check_web_hook_url(config.events_web_hook_url);
  if (config.events_web_hook_url.empty() && !config.events_web_hook_secret_file.empty())
    throw std::invalid_argument("--events.webhook-secret-file needs --events.webhook-url");
}

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

bool has_relay(const Config& config) {
  return !config.relay_listen_addresses.empty() || !config.relay_sockets.empty();
}

bool observes_by_capture(const Config& config) {
  return std::find(config.observe.begin(), config.observe.end(), "capture") != config.observe.end();
}

void validate(const Config& config) {
  if (const std::string problem = problem_of(config.placement); !problem.empty())
    throw std::invalid_argument("--placement." + problem);
  const bool relay_asked =
      std::find(config.observe.begin(), config.observe.end(), "relay") != config.observe.end();
  if (relay_asked && !has_relay(config)) {
    throw std::invalid_argument(
        "--observe names the relay, which has no address: add --relay.listen-address, as in 127.0.0.1:11481");
  }
  if (config.ollama_urls.size() > 1 &&
      std::find(config.ollama_urls.begin(), config.ollama_urls.end(), "auto") != config.ollama_urls.end()) {
    throw std::invalid_argument("--ollama.url is both auto and an address: name all the servers, or none");
  }
  if (config.ollama_log_file.empty() || config.ollama_log_file == "journal:") {
    throw std::invalid_argument(
        "--ollama.log-file is empty: name the file that Ollama logs to, journal:UNIT, or auto; --observe "
        "without "
        "log and auto follows none");
  }
  for (const std::string& address : config.web_listen_addresses) parse_listen_address(address);
  for (const std::string& address : config.relay_listen_addresses) check_relay_address(address);
  if (config.ollama_urls != std::vector<std::string>{"auto"}) {
    for (const std::string& url : config.ollama_urls) server_from_url(url);
  }
  if (config.upstream_kind == UpstreamKind::openai &&
      config.ollama_urls == std::vector<std::string>{"auto"}) {
    throw std::invalid_argument(
        "--upstream.kind=openai needs the server's address, such servers are not looked for: add "
        "--ollama.url, as in "
        "http://127.0.0.1:8080");
  }
  for (const std::string& name : config.relay_allowed_hosts) check_host_name(name);
  check_events(config);
  if (config.relay_max_connections < 1 || config.relay_max_connections > 100000) {
    throw std::invalid_argument("--relay.max-connections is " + std::to_string(config.relay_max_connections) +
                                ": choose between 1 and 100000");
  }
  using namespace std::chrono_literals;
  if (config.relay_head_timeout < 100ms || config.relay_head_timeout > 1h) {
    throw std::invalid_argument("--relay.head-timeout is " + format_duration(config.relay_head_timeout) +
                                ": choose between 100ms and 1h");
  }
  if (config.sample_interval < 10ms || config.sample_interval > 10s) {
    throw std::invalid_argument("--sample.interval is " + format_duration(config.sample_interval) +
                                ": choose between 10ms and 10s");
  }
  if (config.sample_idle_interval < config.sample_interval || config.sample_idle_interval > 10s) {
    throw std::invalid_argument("--sample.idle-interval is " + format_duration(config.sample_idle_interval) +
                                ": choose between --sample.interval and 10s");
  }
}

}  // namespace tegrascope
