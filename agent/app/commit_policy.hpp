// When the state goes to disk. A microSD wears out: a commit at most every 30 s, and only when something changed. What
// changes on an idle board as well (its own joules, its baseline) is not worth one of its own before ten minutes.
// Pure.
#pragma once

#include <optional>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

class CommitPolicy {
 public:
  static constexpr Nanoseconds kInterval = std::chrono::seconds(30);
  static constexpr Nanoseconds kIdleInterval = std::chrono::minutes(10);

  // The first commit comes no sooner than kInterval after `start`.
  explicit CommitPolicy(MonotonicTime start) : last_(start) {}

  bool is_due(const Snapshot& snapshot) const;
  // Whether there is anything that was not committed; at the stop.
  bool is_new(const Snapshot& snapshot) const;
  // A commit of it was begun, also when it fails: the next try comes no sooner than another.
  void committed(const Snapshot& snapshot);

 private:
  // What a request changes, and what time alone changes.
  struct Mark {
    Amounts attributed;
    std::int64_t measured_nj = 0;
    std::int64_t measured_gpu_ns = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  static Mark mark_of(const Snapshot& snapshot);

  MonotonicTime last_;
  Mark mark_;
};

}  // namespace tegrascope
