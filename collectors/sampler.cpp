#include "collectors/sampler.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "collectors/read_watch.hpp"

namespace tegrascope {

class Sampler::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(std::vector<SampledCollector> collectors, SamplerOptions options, SlotSink sink,
         std::unique_ptr<Alarm> alarm)
      : options_(options),
        sink_(std::move(sink)),
        alarm_(std::move(alarm)),
        schedule_(options.idle_interval, options.seed) {
    for (SampledCollector& sampled : collectors)
      entries_.push_back(
          {std::move(sampled.name), std::move(sampled.make), nullptr, PeriodSchedule(sampled.period)});
  }

  void start();
  void stop();
  void set_busy(bool busy);
  std::size_t left_behind() const;
  // After stop(): nothing of the owner's stays with the threads that were left behind.
  void let_go();

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Entry {
    std::string name;
    std::function<std::unique_ptr<Collector>()> make;
    std::unique_ptr<Collector> collector;  // null before the first run, while it runs and after a hang
    PeriodSchedule schedule;
    std::size_t readings = 0;  // that it last gave
  };
  struct Turn {
    std::size_t entry = 0;
    std::uint64_t missed = 0;
    MonotonicTime started{};
  };

  void start_thread();
  void sample(ReadWatch& watch);
  bool wait_for_slot(Lock& lock);
  // False: this thread was left behind in it.
  bool take_turn(Lock& lock, ReadWatch& watch);
  void deliver(Lock& lock);
  void report_held(Batch& batch, const std::vector<std::string>& held) const;
  void watch_over();
  void look_at(MonotonicTime when);
  void leave_behind(const std::string& path);

  const SamplerOptions options_;
  SlotSink sink_;
  const std::shared_ptr<Quarantine> quarantine_ = std::make_shared<Quarantine>();
  const std::unique_ptr<Alarm> alarm_;
  std::thread watchdog_;  // the owner's thread

  mutable std::mutex mutex_;  // all below
  std::condition_variable changed_;
  std::vector<Entry> entries_;
  SlotSchedule schedule_;
  bool sampled_ = false;    // a slot, since start()
  std::deque<Turn> turns_;  // that are left of this slot
  std::optional<Turn> running_;
  std::vector<Batch> ready_;  // to be delivered
  MonotonicTime look_at_{};   // when the watchdog is to look, while a slot is sampled
  std::thread thread_;
  std::shared_ptr<ReadWatch> watch_;
  std::map<const ReadWatch*, LeftBehindThread> left_behind_;
  bool stopping_ = true;
  bool busy_ = false;
};

void Sampler::Shared::start() {
  if (watchdog_.joinable()) return;
  const Lock lock(mutex_);
  stopping_ = false;
  sampled_ = false;
  turns_.clear();
  alarm_->clear();
  watchdog_ = std::thread([self = shared_from_this()] { self->watch_over(); });
}

void Sampler::Shared::start_thread() try {
  watch_ = std::make_shared<ReadWatch>(quarantine_);
  thread_ = std::thread([self = shared_from_this(), watch = watch_] { self->sample(*watch); });
} catch (const std::system_error&) {
}

void Sampler::Shared::stop() {
  if (!watchdog_.joinable()) return;
  Lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  alarm_->set(monotonic_now());
  lock.unlock();
  watchdog_.join();
  lock.lock();
  if (!changed_.wait_for(lock, options_.deadline, [this] { return !running_; }))
    leave_behind(watch_->leave_behind());
  std::thread thread = std::move(thread_);
  lock.unlock();
  if (thread.joinable()) thread.join();
}

void Sampler::Shared::let_go() {
  std::vector<Entry> entries;
  SlotSink sink;
  const Lock lock(mutex_);
  entries.swap(entries_);
  sink.swap(sink_);
}

void Sampler::Shared::set_busy(bool busy) {
  {
    const Lock lock(mutex_);
    if (busy == busy_) return;
    busy_ = busy;
  }
  if (busy) changed_.notify_all();
}

std::size_t Sampler::Shared::left_behind() const {
  const Lock lock(mutex_);
  return left_behind_.size();
}

void Sampler::Shared::sample(ReadWatch& watch) {
  const ReadWatch::Use use(watch);
  Lock lock(mutex_);
  deliver(lock);  // what the thread before this one left
  if (!turns_.empty()) look_at(monotonic_now() + options_.deadline);
  while (!stopping_) {
    if (!turns_.empty()) {
      if (!take_turn(lock, watch)) return;
      if (!turns_.empty()) continue;
      if (!stopping_) alarm_->clear();
      deliver(lock);
    } else if (wait_for_slot(lock)) {
      const MonotonicTime now = monotonic_now();
      const auto slot = schedule_.sampled(now);
      sampled_ = true;
      for (std::size_t i = 0; i < entries_.size(); ++i)
        if (const auto run = entries_[i].schedule.due(slot); run.due) turns_.push_back({i, run.missed, {}});
      if (!turns_.empty()) look_at(now + options_.deadline);
    }
  }
  deliver(lock);
}

bool Sampler::Shared::wait_for_slot(Lock& lock) {
  const auto interval = [this] { return busy_ ? options_.busy_interval : options_.idle_interval; };
  schedule_.set_interval(interval());
  if (!sampled_) return true;
  const MonotonicTime instant = schedule_.next_instant(monotonic_now());
  return !changed_.wait_until(
      lock, instant, [&] { return stopping_ || (busy_ && schedule_.interval() != options_.busy_interval); });
}

bool Sampler::Shared::take_turn(Lock& lock, ReadWatch& watch) {
  Turn turn = turns_.front();
  turns_.pop_front();
  turn.started = monotonic_now();
  Entry& entry = entries_[turn.entry];
  Batch batch;
  batch.collector = entry.name;
  batch.missed_slots = turn.missed;
  batch.started = turn.started;
  batch.readings.reserve(entry.readings);
  const std::vector<std::string> held = quarantine_->held_for(entry.name);
  const bool off = std::find(held.begin(), held.end(), "") != held.end();
  if (!off) {
    std::unique_ptr<Collector> collector = std::move(entry.collector);
    const auto make = collector ? nullptr : entry.make;
    watch.restart(turn.started);
    running_ = turn;
    lock.unlock();
    const auto fail = [&batch](const std::string& what) {
      batch.lists_processes = false;
      batch.errors.push_back({ErrorReason::missing, batch.collector + ": " + what});
    };
    try {
      if (!collector) collector = make();
      collector->collect(batch);
    } catch (const std::exception& error) {
      fail(error.what());
    } catch (...) {
      fail("unknown exception");
    }
    lock.lock();
    if (watch.left_behind()) {
      lock.unlock();
      collector.reset();
      lock.lock();
      quarantine_->came_back(left_behind_.at(&watch).path(), batch.collector);
      left_behind_.erase(&watch);
      return false;
    }
    running_.reset();
    entry.collector = std::move(collector);
    entry.readings = batch.readings.size();
    if (stopping_) changed_.notify_all();
  }
  for (ReadError& error : watch.take_failures()) batch.errors.push_back(std::move(error));
  report_held(batch, held);
  batch.finished = monotonic_now();
  ready_.push_back(std::move(batch));
  return true;
}

void Sampler::Shared::report_held(Batch& batch, const std::vector<std::string>& held) const {
  for (const std::string& path : held) {
    ReadError error = hang_error(path.empty() ? batch.collector : path);
    const bool told = std::any_of(batch.errors.begin(), batch.errors.end(),
                                  [&](const ReadError& other) { return other.where == error.where; });
    if (!told) batch.errors.push_back(std::move(error));
    batch.absent = false;  // nobody knows
  }
}

// All of a slot at once: whoever receives them is woken once.
void Sampler::Shared::deliver(Lock& lock) {
  std::vector<Batch> batches = std::exchange(ready_, {});
  lock.unlock();
  if (!batches.empty()) sink_(std::move(batches));
  lock.lock();
}

// The alarm is set while a slot is sampled only: nobody wakes when the slot ends in time, nor between slots.
void Sampler::Shared::watch_over() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (!thread_.joinable()) start_thread();
    if (!thread_.joinable()) look_at(monotonic_now() + options_.deadline);  // short of threads: tried again
    lock.unlock();
    alarm_->wait();
    lock.lock();
    if (stopping_ || !running_) continue;
    const MonotonicTime now = monotonic_now();
    if (now - look_at_ > options_.deadline / 2) watch_->restart(now);  // the whole process stood still
    if (const auto path = watch_->leave_behind_if_overdue(now, options_.deadline))
      leave_behind(*path);
    else
      look_at(watch_->last_progress() + options_.deadline);
  }
}

void Sampler::Shared::look_at(MonotonicTime when) {
  if (stopping_) return;  // stop() has set it
  look_at_ = when;
  alarm_->set(when);
}

void Sampler::Shared::leave_behind(const std::string& path) {
  const Turn turn = *std::exchange(running_, std::nullopt);
  const Entry& entry = entries_[turn.entry];
  const MonotonicTime now = monotonic_now();
  const std::string held = LeftBehindThread::count() + 1 < LeftBehindThread::kMost ? path : std::string();
  quarantine_->add(held, entry.name, now + options_.retry_after);
  left_behind_.try_emplace(watch_.get(), held);
  thread_.detach();

  Batch batch;
  batch.collector = entry.name;
  batch.started = turn.started;
  batch.missed_slots = turn.missed;
  batch.errors.push_back(hang_error(path.empty() ? entry.name : path));
  batch.finished = now;
  ready_.push_back(std::move(batch));
}

Sampler::Sampler(std::vector<SampledCollector> collectors, SamplerOptions options, SlotSink sink,
                 std::unique_ptr<Alarm> alarm)
    : shared_(std::make_shared<Shared>(std::move(collectors), options, std::move(sink), std::move(alarm))) {}

Sampler::~Sampler() {
  stop();
  shared_->let_go();
}

void Sampler::start() { shared_->start(); }
void Sampler::stop() { shared_->stop(); }
void Sampler::set_busy(bool busy) { shared_->set_busy(busy); }
std::size_t Sampler::left_behind() const { return shared_->left_behind(); }

}  // namespace tegrascope
