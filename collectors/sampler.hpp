// Runs the collectors in slots (slot_schedule.hpp). All collectors that are due in a slot share its one
// random instant.
//
// One sampling thread runs them one after the other. A watchdog looks whether it gets on: when a file is not
// read within the deadline, the thread is left behind in it with that collector, the file is quarantined
// (read_watch.hpp), and a fresh thread goes on with the rest of the slot. In its next slot the collector is
// made anew and skips the file. Each of its batches then carries an error (timeout) for the file. The file is
// tried again once the thread that hung in it has come back and retry_after has passed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collectors/alarm.hpp"
#include "collectors/collector.hpp"
#include "collectors/slot_schedule.hpp"

namespace tegrascope {

struct SampledCollector {
  std::string name;
  std::chrono::nanoseconds period{};  // CollectorInfo::period; 0: every slot
  // Called on the sampling thread, before the first slot and again after a hang.
  std::function<std::unique_ptr<Collector>()> make;
};

// Receives what was collected in a slot; called on the sampling thread, must not block.
using SlotSink = std::function<void(std::vector<Batch>&&)>;

struct SamplerOptions {
  std::chrono::nanoseconds idle_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds busy_interval = std::chrono::milliseconds{100};
  std::uint64_t seed = 0;  // of the random instants
  // A collector that opens and reads no file to its end for this long hangs.
  std::chrono::nanoseconds deadline = std::chrono::milliseconds{500};
  std::chrono::nanoseconds retry_after = std::chrono::minutes{5};
};

class Sampler {
 public:
  // With LeftBehindThread::kMost threads that hang in this process, the collector of the last one is switched
  // off as a whole until its thread comes back, and so is each that hangs then. A collector that is off hangs no
  // more, so there are never more than kMost + the number of collectors, and one more after stop(). Fewer cannot
  // be had: a thread that is in the kernel cannot be called back, and without a fresh one in its place the
  // collectors that are well would stand still with it.

  // `sink` is called on the sampling thread at the end of each slot, with one batch per collector that was due.
  // `alarm` wakes the watchdog.
  Sampler(std::vector<SampledCollector> collectors, SamplerOptions options, SlotSink sink,
          std::unique_ptr<Alarm> alarm = make_alarm());
  ~Sampler();  // stops
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // start() and stop() belong to the owner's thread and may be called again without effect. The first sample
  // is taken at once. stop() cuts a wait short and returns when the collector that is running has returned,
  // at the latest after the deadline: then its thread is left behind. The sink is not called after stop().
  void start();
  void stop();

  // Any thread. Busy: slots of busy_interval, from now on; not busy: slots of idle_interval, after the next
  // sample.
  void set_busy(bool busy);

  // Threads that hang in a file now. Any thread.
  std::size_t left_behind() const;

 private:
  // What the threads share; a thread that was left behind keeps it alive.
  class Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tegrascope
