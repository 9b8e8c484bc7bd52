#include "agent/app/agent.hpp"

#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <climits>
#include <ctime>
#include <random>
#include <stdexcept>
#include <string>

#include "agent/app/history.hpp"
#include "agent/app/host.hpp"
#include "agent/app/log.hpp"
#include "agent/app/outlets.hpp"
#include "agent/app/port_file.hpp"
#include "agent/app/service.hpp"
#include "agent/app/storage_directory.hpp"
#include "agent/app/version.hpp"
#include "collectors/deadline_read.hpp"
#include "collectors/ollama/capture/capture.hpp"
#include "collectors/ollama/gpu_access.hpp"
#include "collectors/ollama/log/log_witness.hpp"
#include "collectors/ollama/outbound.hpp"
#include "collectors/ollama/poll.hpp"
#include "collectors/ollama/relay.hpp"
#include "collectors/ollama/server_address.hpp"
#include "collectors/ollama/slots.hpp"
#include "collectors/sampler.hpp"
#include "exporters/http/endpoints.hpp"
#include "exporters/http/server.hpp"

namespace tegrascope {
namespace {

constexpr std::chrono::milliseconds kSlotsInterval{250};

// A runner maps the GPU's libraries while it loads its model, which takes up to minutes.
constexpr std::array kLooksAtGpuAccess{std::chrono::seconds(0), std::chrono::seconds(5),
                                       std::chrono::seconds(30), std::chrono::seconds(300)};

// An address that a listener of ours may answer on as well.
bool is_this_machine(const std::string& host) {
  return host.rfind("127.", 0) == 0 || host == "::1" || host == "localhost" || host == "0.0.0.0";
}

RelayView view_of(const RelayCounts& counts) {
  RelayView view;
  view.connections = counts.connections;
  view.bytes_in = counts.bytes_in;
  view.bytes_out = counts.bytes_out;
  const auto refused = [&](RefusalReason reason) { return counts.refused[static_cast<std::size_t>(reason)]; };
  view.refused_requests = {{"framing", refused(RefusalReason::framing)},
                           {"host", refused(RefusalReason::host)},
                           {"guard", refused(RefusalReason::guard)},
                           {"slow_head", refused(RefusalReason::slow_head)}};
  view.closed_connections = {{"limit", counts.connections_refused}, {"evicted", counts.connections_evicted}};
  view.unobserved_connections = counts.observation_failures;
  return view;
}

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

// Descriptors that are no relay connections: listeners, sensors, the endpoint's clients.
constexpr std::size_t kOtherDescriptors = 512;

// Up to what the administrator allows.
void raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    log_warn("the limit of open files is too low for --relay.max-connections: raise LimitNOFILE or ulimit -n",
             {{"limit", std::to_string(limit.rlim_cur)}, {"wanted", std::to_string(wanted)}});
  }
}

std::string join(const std::vector<std::uint16_t>& ports) {
  std::string out;
  for (const std::uint16_t port : ports) out += (out.empty() ? "" : ",") + std::to_string(port);
  return out;
}

}  // namespace

class Agent::Parts {
 public:
  explicit Parts(Config config) : config_(std::move(config)) {}
  ~Parts() { stop(); }

  void start();
  void stop();
  std::vector<std::uint16_t> web_ports() const { return web_ports_; }
  std::vector<std::uint16_t> relay_ports() const {
    return relay_ ? relay_->ports() : std::vector<std::uint16_t>{};
  }
  SnapshotPtr snapshot() const { return service_->ask(); }
  void hurry() {
    if (relay_) relay_->hurry();
  }

 private:
  void start_capture();
  void start_log();
  void watch_servers(const std::vector<OllamaServer>& servers);
  void start_relay(const std::vector<OllamaServer>& servers);
  void start_sampler();
  void start_http();
  void stop_disk();
  std::filesystem::path start_history(const BoardIdentity& board);
  void look_for_servers();
  void look_at_gpu_access(const std::vector<std::int64_t>& serves, const std::vector<ProcessId>& runners);

  Config config_;
  RequestIds ids_;
  std::atomic<std::uint64_t> gpu_access_wanted_{0};  // how often it was asked for
  std::unique_ptr<Outbound> outbound_;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<SlotsPoller> slots_;
  std::unique_ptr<Sampler> sampler_;
  SeenRequests relayed_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<LogWitness> log_;
  std::unique_ptr<History> history_;
  std::unique_ptr<Outlets> outlets_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Endpoints> endpoints_;
  std::unique_ptr<HttpServer> http_;
  std::vector<std::uint16_t> web_ports_;
  PortFile web_port_file_;
  PortFile relay_port_file_;
};

void Agent::Parts::start() {
  validate(config_);
  std::vector<OllamaServer> servers = read_host(config_, find_servers);

  ServiceHooks hooks;
  hooks.set_busy = [this](bool busy) {
    sampler_->set_busy(busy);
    poller_->set_busy(busy);
  };
  hooks.poll_soon = [this](const std::string& server) { poller_->poll_soon(server); };
  hooks.find_servers = [this] { look_for_servers(); };
  if (observes(config_, "slots")) {
    hooks.watch_slots = [this](std::vector<SlotsTarget>&& targets) {
      slots_->set_targets(std::move(targets));
    };
  }
  hooks.find_gpu_access = [this](std::vector<std::int64_t>&& serves, std::vector<ProcessId>&& runners) {
    look_at_gpu_access(serves, runners);
  };
  hooks.storage_view = [this] { return history_ ? std::optional(history_->view()) : std::nullopt; };
  hooks.keep = [this](const SnapshotPtr& snapshot) {
    if (history_) history_->offer(snapshot);
  };
  hooks.relay_view = [this] { return relay_ ? std::optional(view_of(relay_->counts())) : std::nullopt; };
  const AnalysisOptions understanding = read_host(config_, analysis_options);
  service_ = std::make_unique<Service>(understanding, ids_, observes(config_, "process"), hooks);
  const std::filesystem::path state_directory = start_history(understanding.board.value_or(BoardIdentity{}));
  service_->push(std::vector<OllamaServer>(servers));

  outbound_ = std::make_unique<Outbound>();
  outlets_ = std::make_unique<Outlets>(config_, *outbound_, machine_name(), state_directory);
  service_->use(*outlets_);
  poller_ = std::make_unique<Poller>(*outbound_, servers, PollOptions{},
                                     [this](ServerState&& state) { service_->push(std::move(state)); });
  slots_ = std::make_unique<SlotsPoller>(
      *outbound_, kSlotsInterval, [this](SlotsReading&& reading) { service_->push(std::move(reading)); });
  start_http();
  if (has_relay(config_)) start_relay(servers);
  if (observes_by_capture(config_)) start_capture();
  if (observes(config_, "log")) start_log();
  outbound_->call_at(monotonic_now(), [this, servers] { watch_servers(servers); });
  start_sampler();
  service_->start();
  poller_->start();

  web_port_file_ = PortFile(config_.web_port_file, web_ports_);
  relay_port_file_ = PortFile(config_.relay_port_file, relay_ports());
  log_info("tegrascope is running", {{"version", version()},
                                     {"web_ports", join(web_ports_)},
                                     {"relay_ports", join(relay_ports())},
                                     {"servers", std::to_string(servers.size())}});
  if (servers.empty()) {
    log_info("no Ollama found: board metrics only; start Ollama, or name it with --ollama.url");
  }
  // STATUS: the line that `systemctl status` shows.
  sd_notifyf(0, "READY=1\nSTATUS=%zu Ollama watched, metrics on port %s%s%s", servers.size(),
             join(web_ports_).c_str(), relay_ ? ", relay on port " : "", join(relay_ports()).c_str());
}

// The state directory, where it is this agent's alone; else empty.
std::filesystem::path Agent::Parts::start_history(const BoardIdentity& board) {
  const std::filesystem::path directory = storage_directory(config_);
  if (directory.empty()) return {};
  history_ = std::make_unique<History>(directory, board, [] { return std::int64_t{std::time(nullptr)}; });
  History::Restored restored = history_->start(monotonic_now());
  const bool held = restored.carried != nullptr;
  service_->restore(std::move(restored.carried), restored.learned);
  if (!held)
    log_warn("the flight recorder is off: the state directory is not this agent's",
             {{"path", directory.string()}});
  return held ? directory : std::filesystem::path();
}

void Agent::Parts::start_http() {
  endpoints_ = std::make_unique<Endpoints>(*service_, BuildInfo{version(), revision()}, machine_name());
  HttpServerOptions options;
  options.sockets = config_.web_sockets;
  http_ = std::make_unique<HttpServer>(
      service_->context(), config_.web_listen_addresses,
      [this](const HttpRequest& request) { return (*endpoints_)(request); }, options);
  web_ports_ = http_->start();
}

void Agent::Parts::start_capture() {
  capture_ = std::make_unique<Capture>(
      ids_, [this](RequestEvent&& event) { service_->push(std::move(event)); }, &relayed_,
      [this](CaptureView&& state) { service_->push(std::move(state)); });
  capture_->start();
}

void Agent::Parts::start_log() {
  log_ = std::make_unique<LogWitness>(
      ids_, [this](RequestEvent&& event) { service_->push(std::move(event)); },
      [this](ServerLog&& log) { service_->push(std::move(log)); });
  log_->start();
}

// What capture and log witness look at; on a thread that may wait for files and DNS.
void Agent::Parts::watch_servers(const std::vector<OllamaServer>& servers) {
  if (capture_) capture_->set_targets(capture_targets(servers, config_.paths));
  if (!log_) return;
  std::vector<ReadError> unreadable;  // the environment of another user's server is
  const auto places = read_under_deadline<std::vector<LogPlace>>(
      [servers, paths = config_.paths, setting = config_.ollama_log_file] {
        return find_log_places(servers, paths, setting);
      },
      unreadable);
  if (places) log_->set_places(*places);
}

void Agent::Parts::start_relay(const std::vector<OllamaServer>& servers) {
  if (servers.empty()) {
    throw std::invalid_argument(
        "the relay has no Ollama to pass requests to: none was found, name it with "
        "--ollama.url=http://host:port");
  }
  RelayOptions options;
  options.listen_addresses = config_.relay_listen_addresses;
  options.sockets = config_.relay_sockets;
  const ServerAddress upstream = address_of_url(servers.front().url).value();
  options.upstream_host = upstream.host;
  options.upstream_port = upstream.port;
  options.server_name = servers.front().name;
  options.drain_time = config_.relay_drain_time;
  options.max_connections = config_.relay_max_connections;
  options.head_timeout = config_.relay_head_timeout;
  options.rules.kind = config_.upstream_kind;
  options.rules.hosts = make_host_policy(config_.relay_allowed_hosts, upstream.host, machine_name());
  if (config_.relay_rewrite_host) options.rules.rewrite_host_to = host_port(upstream);
  options.rules.guard = config_.relay_guard;
  raise_descriptor_limit(2 * config_.relay_max_connections + kOtherDescriptors);
  const bool observed = observes(config_, "relay");
  if (observed && observes_by_capture(config_)) options.announce_to = &relayed_;
  relay_ = std::make_unique<Relay>(options, ids_, [this, observed](RequestEvent&& e) {
    if (observed) service_->push(std::move(e));
  });
  relay_->start();
  for (const std::uint16_t port : relay_->ports()) {
    if (port == upstream.port && is_this_machine(upstream.host)) {
      throw std::invalid_argument("--relay.listen-address has the port of --ollama.url " +
                                  servers.front().url +
                                  ": the relay would pass requests to itself; choose another port");
    }
  }
}

void Agent::Parts::start_sampler() {
  SamplerOptions options;
  options.idle_interval = config_.sample_idle_interval;
  options.busy_interval = config_.sample_interval;
  options.seed = config_.sample_seed != 0 ? config_.sample_seed : std::random_device{}();
  sampler_ = std::make_unique<Sampler>(make_collectors(config_), options, [this](std::vector<Batch>&& slot) {
    service_->push(std::move(slot));
  });
  sampler_->start();
}

// Runs on the outbound thread: it reads /proc, which the service thread must not wait for.
void Agent::Parts::look_for_servers() {
  outbound_->call_at(monotonic_now(), [this] {
    std::vector<OllamaServer> servers;
    try {
      servers = read_host(config_, find_servers);
    } catch (const std::exception& e) {
      log_warn("looking for Ollama failed", {{"error", e.what()}});
      return;
    }
    poller_->set_servers(servers);
    watch_servers(servers);
    service_->push(std::move(servers));
  });
}

// Once now and some times later, until it is asked for anew.
void Agent::Parts::look_at_gpu_access(const std::vector<std::int64_t>& serves,
                                      const std::vector<ProcessId>& runners) {
  const std::uint64_t turn = ++gpu_access_wanted_;
  for (const std::chrono::seconds later : kLooksAtGpuAccess) {
    outbound_->call_at(monotonic_now() + later, [this, turn, serves, runners] {
      if (turn != gpu_access_wanted_) return;
      std::vector<ReadError> unreadable;  // other users' processes are
      auto access = read_under_deadline<GpuAccess>(
          [serves, runners, paths = config_.paths] { return read_gpu_access(serves, runners, paths); },
          unreadable);
      if (access) service_->push(*std::move(access));
    });
  }
}

// The two wait for a disk that hangs at the same time.
void Agent::Parts::stop_disk() {
  const auto deadline = std::chrono::steady_clock::now() + History::kPatience;
  const SnapshotPtr last = service_->latest();
  if (history_) history_->finish(last);
  if (outlets_) outlets_->stop(deadline);
  if (history_) history_->stop(last, deadline);
}

void Agent::Parts::stop() {
  if (!service_) return;
  sd_notify(0, "STOPPING=1");
  if (relay_) relay_->stop();
  if (sampler_) sampler_->stop();
  if (poller_) poller_->stop();
  if (slots_) slots_->stop();
  if (outbound_) outbound_->stop();
  if (capture_) capture_->stop();
  if (log_) log_->stop();
  if (http_) boost::asio::post(service_->context(), [this] { http_->stop(); });
  service_->stop();
  stop_disk();
  web_port_file_ = PortFile();
  relay_port_file_ = PortFile();
}

Agent::Agent(Config config) : parts_(std::make_unique<Parts>(std::move(config))) {}
Agent::~Agent() = default;
void Agent::start() { parts_->start(); }
void Agent::stop() { parts_->stop(); }
void Agent::hurry() { parts_->hurry(); }
std::vector<std::uint16_t> Agent::web_ports() const { return parts_->web_ports(); }
std::vector<std::uint16_t> Agent::relay_ports() const { return parts_->relay_ports(); }
SnapshotPtr Agent::snapshot() const { return parts_->snapshot(); }

}  // namespace tegrascope
