// The sampler thread: runs the collectors in slots (slot_schedule.hpp). All collectors that are due in a slot
// share its one random instant.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/slot_schedule.hpp"

namespace tegrascope {

struct SampledCollector {
  std::unique_ptr<Collector> collector;
  std::chrono::nanoseconds period{};  // CollectorInfo::period; 0: every slot
};

struct SamplerOptions {
  std::chrono::nanoseconds idle_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds busy_interval = std::chrono::milliseconds{100};
  std::uint64_t seed = 0;  // of the random instants
};

class Sampler {
 public:
  // `sink` is called on the sampler thread with one batch per collector that ran.
  Sampler(std::vector<SampledCollector> collectors, SamplerOptions options, BatchSink sink);
  ~Sampler();  // stops
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // start() and stop() belong to the owner's thread and may be called again without effect. The first sample
  // is taken at once. stop() returns when the read that is running has returned; a wait is cut short.
  void start();
  void stop();

  // Any thread. Busy: slots of busy_interval, from now on; not busy: slots of idle_interval, after the next
  // sample.
  void set_busy(bool busy);

 private:
  struct Entry {
    std::unique_ptr<Collector> collector;
    PeriodSchedule schedule;
  };
  void run();
  void sample(const SlotSchedule::Slot& slot);

  std::vector<Entry> entries_;
  const SamplerOptions options_;
  BatchSink sink_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // under mutex_
  bool busy_ = false;      // under mutex_
};

}  // namespace tegrascope
