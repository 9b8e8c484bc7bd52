#include "collectors/sampler.hpp"

#include <exception>
#include <string>

namespace tegrascope {

Sampler::Sampler(std::vector<SampledCollector> collectors, SamplerOptions options, BatchSink sink)
    : options_(options), sink_(std::move(sink)) {
  for (SampledCollector& sampled : collectors)
    entries_.push_back({std::move(sampled.collector), PeriodSchedule(sampled.period)});
}

Sampler::~Sampler() { stop(); }

void Sampler::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  thread_ = std::thread([this] { run(); });
}

void Sampler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sampler::set_busy(bool busy) {
  {
    const std::lock_guard lock(mutex_);
    if (busy == busy_) return;
    busy_ = busy;
  }
  if (busy) changed_.notify_all();
}

void Sampler::run() {
  SlotSchedule schedule(options_.idle_interval, options_.seed);
  std::unique_lock lock(mutex_);
  const auto interval = [this] { return busy_ ? options_.busy_interval : options_.idle_interval; };
  bool first = true;
  while (!stopping_) {
    schedule.set_interval(interval());
    if (!first) {
      const MonotonicTime instant = schedule.next_instant(monotonic_now());
      const bool cut_short = changed_.wait_until(lock, instant, [&] {
        return stopping_ || (busy_ && schedule.interval() != options_.busy_interval);
      });
      if (cut_short) continue;
    }
    first = false;
    lock.unlock();
    sample(schedule.sampled(monotonic_now()));
    lock.lock();
  }
}

void Sampler::sample(const SlotSchedule::Slot& slot) {
  for (Entry& entry : entries_) {
    const auto turn = entry.schedule.due(slot);
    if (!turn.due) continue;
    Batch batch;
    batch.collector = entry.collector->name();
    batch.missed_slots = turn.missed;
    batch.started = monotonic_now();
    const auto fail = [&batch](const std::string& what) {
      batch.lists_processes = false;
      batch.errors.push_back({ErrorReason::missing, batch.collector + ": " + what});
    };
    try {
      entry.collector->collect(batch);
    } catch (const std::exception& error) {
      fail(error.what());
    } catch (...) {
      fail("unknown exception");
    }
    batch.finished = monotonic_now();
    sink_(std::move(batch));
  }
}

}  // namespace tegrascope
