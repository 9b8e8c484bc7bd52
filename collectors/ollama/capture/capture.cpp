#include "collectors/ollama/capture/capture.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "collectors/ollama/capture/connections.hpp"
#include "collectors/ollama/capture/packet_clock.hpp"
#include "collectors/ollama/capture/packet_source.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

// How far packets may come out of the ring behind later ones: they do, without any loss, when both cores send.
constexpr Nanoseconds kReorderWindow = 100ms;
// Nothing that passed earlier than this is still on its way to us.
constexpr Nanoseconds kLatestDelivery = 300ms;
constexpr Nanoseconds kTendInterval = 1s;
constexpr Nanoseconds kForgetInterval = 5s;
constexpr Nanoseconds kReopenInterval = 5s;
// A filter that no packet passes.
constexpr const char* kNothing = "less 0";
// Then commands are looked at.
constexpr int kDispatchesInARow = 16;

Nanoseconds realtime_now() {
  return std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::set<IpAddress> list_local_addresses() {
  std::set<IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    IpAddress address;
    if (i->ifa_addr->sa_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, i->ifa_addr, sizeof v4);
      address.bytes[10] = address.bytes[11] = 0xff;
      std::memcpy(address.bytes.data() + 12, &v4.sin_addr, 4);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, i->ifa_addr, sizeof v6);
      std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    } else {
      continue;
    }
    out.insert(address);
  }
  freeifaddrs(list);
  return out;
}

bool same(const CaptureView& a, const CaptureView& b) {
  return a.up == b.up && a.error == b.error && a.packets == b.packets &&
         a.dropped_packets == b.dropped_packets && a.gaps == b.gaps && a.lost_bytes == b.lost_bytes &&
         a.joined_connections == b.joined_connections;
}

}  // namespace

class Capture::Loop {
 public:
  Loop(RequestIds& ids, RequestSink sink, SeenRequests* seen, CaptureStateSink state)
      : connections_({ids, std::move(sink), seen, list_local_addresses}), state_sink_(std::move(state)) {}
  ~Loop() {
    stop();
    if (wake_ >= 0) ::close(wake_);
  }

  void start() {
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "packet capture: eventfd");
    thread_ = std::thread([this] { run(); });
  }

  void set_targets(std::vector<CaptureTarget> targets) {
    {
      const std::lock_guard lock(mutex_);
      new_targets_ = std::move(targets);
    }
    wake();
  }

  void stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    wake();
    thread_.join();
  }

 private:
  void wake() const {
    const std::uint64_t one = 1;
    // Fails only when it is awake already.
    if (wake_ >= 0) [[maybe_unused]]
      const auto written = ::write(wake_, &one, sizeof one);
  }

  void run() {
    while (!stopping_) {
      take_targets();
      if (!source_) open();
      wait();
      if (source_) read();
      tend();
    }
    connections_.abandon(monotonic_now());
    report();
  }

  void take_targets() {
    std::optional<std::vector<CaptureTarget>> targets;
    {
      const std::lock_guard lock(mutex_);
      targets.swap(new_targets_);
    }
    if (!targets) return;
    connections_.set_targets(*targets);
    std::string filter = capture_filter(*targets);
    if (filter.empty()) filter = kNothing;
    if (filter == filter_) return;
    filter_ = std::move(filter);
    if (source_) reopen();
  }

  // A filter that is replaced lets packets slip through meanwhile; two that overlap show some twice, which does no
  // harm.
  void reopen() {
    try {
      auto fresh = std::make_unique<PacketSource>(filter_);
      read();
      close();
      source_ = std::move(fresh);
    } catch (const std::exception& e) {
      fail(e.what());
    }
  }

  void open() {
    const MonotonicTime now = monotonic_now();
    if (forbidden_ || filter_.empty() || now < open_again_) return;
    try {
      source_ = std::make_unique<PacketSource>(filter_);
      state_.up = true;
      state_.error.clear();
      report();
    } catch (const CaptureForbidden& e) {
      forbidden_ = true;
      fail(e.what());
    } catch (const std::exception& e) {
      fail(e.what());
    }
  }

  void close() {
    if (source_) dropped_before_ += source_->dropped();
    source_.reset();
  }

  void fail(const char* why) {
    close();
    open_again_ = monotonic_now() + kReopenInterval;
    state_.up = false;
    state_.error = why;
    report();
  }

  // As long as there is nothing to do.
  int patience_milliseconds() const {
    if (connections_.waiting() || unreported_) return 100;
    if (!source_ && !forbidden_ && !filter_.empty()) return 1000;
    return connections_.size() > 0 ? 5000 : -1;
  }

  void wait() {
    std::array<pollfd, 2> waits{{{wake_, POLLIN, 0}, {source_ ? source_->descriptor() : -1, POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), patience_milliseconds());
    std::uint64_t ignored = 0;
    if ((waits[0].revents & POLLIN) != 0) [[maybe_unused]]
      const auto got = ::read(wake_, &ignored, sizeof ignored);
  }

  void read() {
    const PacketSource::Handler handler = [this](const PacketSource::Packet& packet) {
      const auto segment = decode_packet(source_->link_layer(), packet.frame, packet.wire_length);
      if (!segment) return;
      const MonotonicTime at = clock_.to_monotonic(packet.realtime);
      newest_ = std::max(newest_, at);
      connections_.add(*segment, at);
    };
    try {
      int count = 1;
      for (int i = 0; i < kDispatchesInARow && count > 0; ++i) {
        clock_.sample(realtime_now(), monotonic_now());
        count = source_->dispatch(handler);
        if (connections_.waiting()) connections_.expire(newest_ - kReorderWindow);
      }
      if (count == 0 && connections_.waiting()) connections_.expire(monotonic_now() - kLatestDelivery);
    } catch (const std::exception& e) {
      fail(e.what());
    }
  }

  void tend() {
    const MonotonicTime now = monotonic_now();
    if (now - forgotten_ >= kForgetInterval) {
      forgotten_ = now;
      connections_.forget_idle(now);
    }
    unreported_ = connections_.totals().segments != state_.packets;
    if (unreported_ && now - reported_ >= kTendInterval) report();
  }

  void report() {
    const ConnectionTotals& totals = connections_.totals();
    state_.packets = totals.segments;
    state_.gaps = totals.gaps.gaps;
    state_.lost_bytes = totals.gaps.lost_bytes;
    state_.joined_connections = totals.joined;
    state_.dropped_packets = dropped_before_ + (source_ ? source_->dropped() : 0);
    reported_ = monotonic_now();
    unreported_ = false;
    if (last_report_ && same(*last_report_, state_)) return;
    last_report_ = state_;
    state_sink_(CaptureView(state_));
  }

  Connections connections_;
  const CaptureStateSink state_sink_;
  PacketClock clock_;
  std::unique_ptr<PacketSource> source_;
  std::string filter_;  // empty: the targets are not known yet
  bool forbidden_ = false;
  MonotonicTime open_again_{};
  MonotonicTime newest_{};
  MonotonicTime forgotten_{};
  MonotonicTime reported_{};
  bool unreported_ = false;
  CaptureView state_;
  std::optional<CaptureView> last_report_;
  std::uint64_t dropped_before_ = 0;

  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::optional<std::vector<CaptureTarget>> new_targets_;
  std::thread thread_;
};

Capture::Capture(RequestIds& ids, RequestSink sink, SeenRequests* seen, CaptureStateSink state)
    : loop_(std::make_unique<Loop>(ids, std::move(sink), seen, std::move(state))) {}
Capture::~Capture() = default;
void Capture::start() { loop_->start(); }
void Capture::set_targets(std::vector<CaptureTarget> targets) { loop_->set_targets(std::move(targets)); }
void Capture::stop() { loop_->stop(); }

}  // namespace tegrascope
