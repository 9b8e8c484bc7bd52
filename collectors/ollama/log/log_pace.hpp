// When to poll a log. Pure arithmetic on times that the caller gives.
#pragma once

#include "agent/model/time.hpp"

namespace tegrascope {

// A log that tells of its changes is polled when it does, another one every `interval`; neither more often than that.
class LogPace {
 public:
  // A log that told of no change for so many intervals is polled nevertheless: its file may hang, or its folder have
  // been moved.
  static constexpr int kQuietIntervals = 30;

  explicit LogPace(Nanoseconds interval) : interval_(interval) {}

  // `more`: there is more to read at once. `tells`: the log tells of changes from now on.
  void polled(MonotonicTime now, bool more, bool tells) {
    last_ = now;
    listens_ = tells && !more;
    next_ = more ? now : now + (tells ? kQuietIntervals * interval_ : interval_);
  }
  void changed() {
    next_ = last_ + interval_;
    listens_ = false;
  }

  // At the latest.
  MonotonicTime next() const { return next_; }
  // A change would bring next() forward.
  bool listens() const { return listens_; }

 private:
  Nanoseconds interval_;
  MonotonicTime last_{};
  MonotonicTime next_{};
  bool listens_ = false;
};

}  // namespace tegrascope
