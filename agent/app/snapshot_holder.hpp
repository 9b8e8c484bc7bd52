// The published snapshot. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

class SnapshotHolder : public SnapshotSource {
 public:
  SnapshotPtr latest() const override {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }
  void publish(SnapshotPtr snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
  }

 private:
  mutable std::mutex mutex_;  // std::atomic<std::shared_ptr> is not in gcc 11
  SnapshotPtr snapshot_ = std::make_shared<Snapshot>();
};

}  // namespace tegrascope
