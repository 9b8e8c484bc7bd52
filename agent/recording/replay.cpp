#include "agent/recording/replay.hpp"

#include <algorithm>
#include <istream>
#include <map>
#include <utility>

#include "agent/recording/decoder.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMaxProblems = 20;
constexpr Nanoseconds kLongestStep = std::chrono::hours(24);

bool same_totals(const LedgerView& a, const LedgerView& b) {
  return a.energy_known == b.energy_known && a.gpu_known == b.gpu_known &&
         a.measured_energy_nj == b.measured_energy_nj && a.measured_gpu_busy_ns == b.measured_gpu_busy_ns &&
         a.pending_energy_nj == b.pending_energy_nj && a.pending_gpu_busy_ns == b.pending_gpu_busy_ns &&
         a.unattributed_energy_nj == b.unattributed_energy_nj &&
         a.unattributed_gpu_busy_ns == b.unattributed_gpu_busy_ns;
}

// One run, from its head to the next one's: what agent/app/service.cpp does with the analysis.
class Run {
 public:
  explicit Run(const RecordingHead& head) : analysis_(options(head)) {
    run_.head = head;
    run_.began = clock_ = head.clock;
    run_.ended = head.clock.monotonic;
    analysis_.add(head.clock);
  }

  template <class T>
  void take(const T& input) {
    analysis_.add(input);
  }
  void take(const ClockReading& clock) {
    clock_ = clock;
    analysis_.add(clock);
  }
  void take(const RestoredState& restored) { analysis_.restore(nullptr, restored.learned, restored.at); }
  void take(const Advance& advance);
  void take(const BookedAnswer& booked);
  void take(const Event& event) { run_.events_told.push_back(event); }
  void take(const LostRecords& lost) { run_.lost += lost.records; }
  void take(const RecordingEnd& end) {
    if (!run_.end) run_.end = end;
  }
  void take(const RecordingHead&) {}

  ReplayedRun finish();

 private:
  AnalysisOptions options(const RecordingHead& head) {
    AnalysisOptions options = head.options;
    options.on_booked = [this](const RequestRecord& record) { note_booked(record); };
    return options;
  }
  void note_booked(const RequestRecord& record);
  void check_time(MonotonicTime at) const;

  ReplayedRun run_;
  ClockReading clock_;  // the last one
  bool stepped_ = false;
  std::map<RequestId, std::size_t> place_;  // in run_.requests
  std::vector<RequestRecord> booked_;       // in this step
  std::map<RequestId, BookedAnswer> ours_;  // not compared yet
  std::map<RequestId, BookedAnswer> live_;  // likewise
  Analysis analysis_;
};

// The analysis goes through all the time between two steps. Those of an agent are a second apart, in a time that does
// not count while the machine sleeps; a flight recorder's file begins long after its head, soon after its clocks.
void Run::check_time(MonotonicTime at) const {
  const bool begins_later = !stepped_ && run_.head.partial;
  const MonotonicTime before = begins_later ? std::max(run_.ended, clock_.monotonic) : run_.ended;
  if (at < run_.ended || at > before + kLongestStep) throw RecordingError("the time jumps");
}

void Run::take(const Advance& advance) {
  check_time(advance.at);
  if (!std::exchange(stepped_, true) && run_.head.partial) {
    const Nanoseconds since = advance.at - clock_.monotonic;
    run_.began = {advance.at, clock_.boot + since, clock_.wall + since};
  }
  run_.ended = advance.at;
  analysis_.set_dropped_events(advance.dropped_events);
  analysis_.advance(advance.at);
  for (RequestRecord& record : analysis_.take_judged()) {
    const auto known = place_.find(record.id);
    if (known != place_.end()) {
      run_.requests[known->second] = std::move(record);
      continue;
    }
    place_[record.id] = run_.requests.size();
    run_.requests.push_back(std::move(record));
  }
  for (Event& event : analysis_.take_events()) run_.events.push_back(std::move(event));
  analysis_.take_poll_wanted();
  for (RequestRecord& record : std::exchange(booked_, {})) {
    const auto place = place_.find(record.id);
    if (place != place_.end()) run_.requests[place->second] = std::move(record);
  }
  run_.balanced = run_.balanced && analysis_.attribution().ledger().balanced();
}

void Run::note_booked(const RequestRecord& record) {
  booked_.push_back(record);
  // What began before the recording has other amounts than it had in the live agent.
  if (!run_.head.partial) ours_[record.id] = booked_answer(record);
}

void Run::take(const BookedAnswer& booked) {
  if (run_.head.partial) return;
  const auto ours = ours_.find(booked.id);
  if (ours == ours_.end()) {
    live_[booked.id] = booked;
    return;
  }
  ++run_.compared;
  if (ours->second != booked) ++run_.differing;
  ours_.erase(ours);
}

ReplayedRun Run::finish() {
  // What only one of the two booked. A recording that was cut or was full lacks what came later.
  const bool whole = run_.end && run_.end->why == RecordingEnd::Why::stopped;
  const std::size_t alone = live_.size() + (whole ? ours_.size() : 0);
  run_.compared += alone;
  run_.differing += alone;
  run_.last = analysis_.make_snapshot(run_.ended);
  if (whole && !run_.head.partial) run_.same_ledger = same_totals(run_.end->ledger, run_.last->ledger);
  return std::move(run_);
}

class Reader {
 public:
  Reader(const std::string& name, const std::function<void(const Record&)>& follow)
      : name_(name), follow_(follow) {}

  void line(const std::string& text, std::size_t number);
  Replay finish() {
    end_run();
    return std::move(replay_);
  }

 private:
  void end_run() {
    if (run_) replay_.runs.push_back(run_->finish());
    run_.reset();
  }
  void problem(std::size_t number, const std::string& what) {
    ++replay_.problem_count;
    if (replay_.problems.size() < kMaxProblems)
      replay_.problems.push_back(name_ + ":" + std::to_string(number) + ": " + what);
  }

  const std::string& name_;
  const std::function<void(const Record&)>& follow_;
  RecordDecoder decoder_;
  std::unique_ptr<Run> run_;
  Replay replay_;
};

void Reader::line(const std::string& text, std::size_t number) {
  if (text.empty()) return;
  try {
    const std::optional<Record> record = decoder_.decode(text);
    if (!record) return;
    if (const auto* head = std::get_if<RecordingHead>(&*record)) {
      end_run();
      run_ = std::make_unique<Run>(*head);
    }
    if (!run_) throw RecordingError("this is no recording of tegrascope: it does not begin with a head");
    if (follow_) follow_(*record);
    std::visit([this](const auto& r) { run_->take(r); }, *record);
  } catch (const NewerRecording& e) {
    throw NewerRecording(name_ + ":" + std::to_string(number) + ": " + e.what());
  } catch (const UnknownRecord& e) {
    if (!run_) throw RecordingError(name_ + ":" + std::to_string(number) + ": " + e.what());
    problem(number,
            std::string(e.what()) + ", the line was left out: a newer tegrascope wrote it, use that one");
  } catch (const RecordingError& e) {
    if (!run_) throw RecordingError(name_ + ":" + std::to_string(number) + ": " + e.what());
    problem(number, std::string(e.what()) + ", it was left out");
  }
}

}  // namespace

Replay replay(std::istream& in, const std::string& name, const std::function<void(const Record&)>& follow) {
  Reader reader(name, follow);
  std::size_t number = 0;
  for (std::string text; std::getline(in, text);) reader.line(text, ++number);
  Replay result = reader.finish();
  if (result.runs.empty()) throw RecordingError(name + ": the file is empty, there is nothing to replay");
  return result;
}

bool is_sound(const Replay& replay) {
  return replay.problem_count == 0 && std::all_of(replay.runs.begin(), replay.runs.end(),
                                                  [](const ReplayedRun& run) { return run.balanced; });
}

}  // namespace tegrascope
