// The service manager's watchdog (sd_watchdog_enabled(3)): a sign of life at half the interval that WATCHDOG_USEC
// asks for, given by the service thread. So systemd restarts an agent whose service thread hangs. A sensor or a
// relay connection that hangs is no such case. sd_notify(3) waits for room in the manager's socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace tegrascope {

class Watchdog {
 public:
  // `context` is the service thread's. Without a service manager that asks for it nothing is ever sent.
  explicit Watchdog(boost::asio::io_context& context);

  // Before the thread runs, or on it.
  void start();
  // The service thread only.
  void stop();

 private:
  void tick();

  boost::asio::steady_timer timer_;
  std::chrono::microseconds interval_{0};  // 0: nobody asks
};

}  // namespace tegrascope
