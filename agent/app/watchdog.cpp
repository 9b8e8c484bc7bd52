#include "agent/app/watchdog.hpp"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace tegrascope {

Watchdog::Watchdog(boost::asio::io_context& context) : timer_(context) {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0) interval_ = std::chrono::microseconds(microseconds / 2);
}

void Watchdog::start() {
  if (interval_.count() > 0) tick();
}

void Watchdog::stop() {
  interval_ = {};
  timer_.cancel();
}

void Watchdog::tick() {
  sd_notify(0, "WATCHDOG=1");
  timer_.expires_after(interval_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    // A cancel may come after the timer has expired, when there is nothing left to cancel.
    if (!error && interval_.count() > 0) tick();
  });
}

}  // namespace tegrascope
