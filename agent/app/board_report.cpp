#include "agent/app/board_report.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/app/absences.hpp"
#include "agent/app/collector_choice.hpp"
#include "agent/model/powered_off.hpp"
#include "collectors/deadline_read.hpp"
#include "collectors/jetson/board.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kBetweenReads = 250ms;
constexpr Nanoseconds kPatience = 1500ms;  // tegrastats prints its first line after a second
constexpr Nanoseconds kAfterAHang = 100ms;
constexpr Nanoseconds kStep = 20ms;
constexpr Nanoseconds kLongestTurn = 200ms;

struct Pass {
  Batch batch;
  std::vector<TracedRead> trace;
};

struct Taken {
  Pass first, last;
};

// Waits without looking like a thread that hangs.
void rest(Nanoseconds duration) {
  for (const MonotonicTime end = monotonic_now() + duration; monotonic_now() < end;) {
    std::this_thread::sleep_for(kStep);
    ReadWatch::current()->restart(monotonic_now());
  }
}

// One collector reads at a time, so that no read waits for another's bus. Once one hangs in its turn nobody waits any
// more.
struct Turns {
  std::mutex mutex;  // all below
  std::condition_variable freed;
  bool taken = false;
  bool given_up = false;
};

class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(turns) {
    const MonotonicTime end = monotonic_now() + kLongestTurn;
    std::unique_lock lock(turns.mutex);
    while (!turns.given_up && !turns.freed.wait_for(lock, kStep, [&] { return !turns.taken; })) {
      ReadWatch::current()->restart(monotonic_now());
      if (monotonic_now() >= end) turns.given_up = true;
    }
    mine_ = !turns.taken;
    turns.taken = true;
    ReadWatch::current()->restart(monotonic_now());
  }
  ~Turn() {
    if (!mine_) return;
    const std::lock_guard lock(turns_.mutex);
    turns_.taken = false;
    turns_.freed.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
  bool mine_ = false;
};

Pass collect_once(Collector& collector, Turns& turns) {
  Pass pass;
  pass.batch.collector = collector.name();
  ReadWatch::current()->keep_trace();
  const Turn turn(turns);
  pass.batch.started = monotonic_now();
  collector.collect(pass.batch);
  pass.batch.finished = monotonic_now();
  pass.trace = ReadWatch::current()->take_trace();
  return pass;
}

bool is_silent(const Batch& batch) {
  return !batch.absent && !batch.lists_processes && batch.readings.empty() && batch.errors.empty();
}

Taken take(Collector& collector, Turns& turns) {
  Taken taken;
  taken.first = taken.last = collect_once(collector, turns);
  if (taken.first.batch.absent) return taken;
  rest(kBetweenReads);
  taken.last = collect_once(collector, turns);
  const MonotonicTime end = monotonic_now() + kPatience;
  while (is_silent(taken.last.batch) && monotonic_now() < end) {
    rest(kStep);
    taken.last = collect_once(collector, turns);
  }
  return taken;
}

// Those of the first pass that a later read has not disproved, and those of the last.
std::vector<ReadError> errors_of(const Taken& taken, std::vector<ReadError> of_reads) {
  std::vector<ReadError> errors = taken.last.batch.errors;
  const auto add = [&](const ReadError& error) {
    const bool known = std::any_of(errors.begin(), errors.end(),
                                   [&](const ReadError& other) { return other.where == error.where; });
    if (!known) errors.push_back(error);
  };
  for (const ReadError& error : taken.first.batch.errors) {
    const std::string path = path_of(error);
    const auto& trace = taken.last.trace;
    const bool read_since = std::any_of(trace.begin(), trace.end(), [&](const TracedRead& read) {
      return read.error == 0 && read.path == path;
    });
    if (!read_since) add(error);
  }
  for (const ReadError& error : of_reads) add(error);
  return errors;
}

CollectorState state_of(const Batch& batch, const std::vector<Absence>& absent) {
  if (batch.absent &&
      std::all_of(absent.begin(), absent.end(), [](const Absence& a) { return a.reason == "hardware"; }))
    return CollectorState::absent;
  const bool faults = std::any_of(absent.begin(), absent.end(), [](const Absence& a) {
    return a.reason != to_string(ErrorReason::unavailable) && a.reason != "hardware" && a.reason != "none";
  });
  if (!faults) return CollectorState::ok;
  return batch.readings.empty() && batch.processes.empty() ? CollectorState::failed : CollectorState::partial;
}

CollectorReport report_of(const ChosenCollector& chosen, const HostPaths& paths,
                          const std::shared_ptr<Turns>& turns) {
  CollectorReport report;
  report.name = chosen.info->name;
  std::vector<ReadError> of_reads;
  Taken taken;
  taken.last.batch.collector = report.name;
  try {
    auto result =
        read_under_deadline<Taken>([make = chosen.make, paths, turns] { return take(*make(paths), *turns); },
                                   of_reads, kReadDeadline, kAfterAHang);
    if (result) taken = *std::move(result);
  } catch (const std::exception& e) {
    of_reads.push_back({ErrorReason::missing, report.name + ": " + e.what()});
  }
  const Batch& batch = taken.last.batch;
  const std::vector<ReadError> errors = errors_of(taken, std::move(of_reads));
  std::vector<TracedRead> all = taken.first.trace;
  all.insert(all.end(), taken.last.trace.begin(), taken.last.trace.end());

  const ReadingSources sources(batch, all, paths);
  for (const Reading& reading : batch.readings) {
    if (!is_of_gated_gpu(reading, batch.readings)) report.signals.push_back({reading, sources.of(reading)});
  }
  for (const ProcessReading& process : batch.processes)
    report.processes.push_back({process, sources.of(process)});
  report.took = batch.finished - batch.started;
  report.absent = find_absences(batch, errors, all, sources);
  report.state = state_of(batch, report.absent);
  if (report.state == CollectorState::absent)
    report.reason = chosen.info->make_auto != nullptr && chosen.make == chosen.info->make_auto
                        ? "not needed here, or not installed"
                        : "this board has no such hardware";
  return report;
}

}  // namespace

std::string_view to_string(CollectorState state) {
  switch (state) {
    case CollectorState::ok:
      return "ok";
    case CollectorState::partial:
      return "partial";
    case CollectorState::failed:
      return "failed";
    case CollectorState::absent:
      return "absent";
    case CollectorState::off:
      return "off";
  }
  return "off";
}

BoardReport read_board_report(const Config& config, const std::set<std::string>& only) {
  BoardReport report;
  const auto turns = std::make_shared<Turns>();
  std::vector<ChosenCollector> chosen = choose_collectors(config);
  std::vector<std::future<CollectorReport>> running(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!only.empty() && !only.contains(std::string(chosen[i].info->name))) {
      chosen[i].make = nullptr;
      chosen[i].why_off = "not asked for";
    }
    if (chosen[i].make != nullptr)
      running[i] = std::async(std::launch::async, [&chosen, i, &config, &turns] {
        return report_of(chosen[i], config.paths, turns);
      });
  }
  auto board = read_under_deadline<std::optional<BoardIdentity>>(
      [paths = config.paths] { return read_board(paths); }, report.board_errors, kReadDeadline, kAfterAHang);
  if (board && *board) report.board = **board;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    report.collectors.push_back(
        running[i].valid()
            ? running[i].get()
            : CollectorReport{
                  std::string(chosen[i].info->name), CollectorState::off, chosen[i].why_off, {}, {}, {}, {}});
  return report;
}

bool is_empty(const BoardReport& report) {
  return std::all_of(report.collectors.begin(), report.collectors.end(), [](const CollectorReport& c) {
    return c.name == "self" || (c.signals.empty() && c.processes.empty());
  });
}

}  // namespace tegrascope
