// A time at which one thread wakes, moved by others without waking it.
#pragma once

#include <memory>

#include "agent/model/time.hpp"

namespace tegrascope {

class Alarm {
 public:
  virtual ~Alarm() = default;

  // Any thread. The time set last counts; a past one goes off at once.
  virtual void set(MonotonicTime when) = 0;
  // Any thread. It no longer goes off, also when its time has come and nobody has seen it yet.
  virtual void clear() = 0;
  // One thread: sleeps until it goes off.
  virtual void wait() = 0;
};

// A timerfd(2): a condition variable would have to be woken for each new time. Throws std::system_error when no
// descriptor is left.
std::unique_ptr<Alarm> make_alarm();

}  // namespace tegrascope
