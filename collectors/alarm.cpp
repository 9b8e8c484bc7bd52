#include "collectors/alarm.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace tegrascope {
namespace {

class TimerAlarm : public Alarm {
 public:
  TimerAlarm() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  }
  ~TimerAlarm() override { ::close(fd_); }
  TimerAlarm(const TimerAlarm&) = delete;
  TimerAlarm& operator=(const TimerAlarm&) = delete;

  void set(MonotonicTime when) override { set_to(std::max(when.time_since_epoch(), Nanoseconds{1})); }
  void clear() override { set_to(Nanoseconds::zero()); }

  void wait() override {
    std::uint64_t times = 0;
    while (::read(fd_, &times, sizeof times) < 0 && errno == EINTR) {
    }
  }

 private:
  void set_to(Nanoseconds when) {  // zero disarms
    const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(seconds.count());
    spec.it_value.tv_nsec = static_cast<long>((when - seconds).count());
    ::timerfd_settime(fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  const int fd_;
};

}  // namespace

std::unique_ptr<Alarm> make_alarm() { return std::make_unique<TimerAlarm>(); }

}  // namespace tegrascope
