#include "collectors/ollama/log/log_witness.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "collectors/deadline_read.hpp"
#include "collectors/ollama/log/log_follower.hpp"
#include "collectors/ollama/log/log_pace.hpp"
#include "collectors/ollama/log/wakeable_wait.hpp"
#include "collectors/ollama/routes.hpp"
#include "collectors/read_watch.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMostLogs = 16;

Outcome outcome_of(int status) {
  if (status == 499) return Outcome::client_aborted;
  return status >= 400 ? Outcome::error : Outcome::ok;
}

}  // namespace

void report_logged_request(const LogRequest& request, const std::string& server, RequestId id,
                           MonotonicTime read_at, const RequestSink& sink) {
  const Route& route = find_route(request.method, request.path);
  const Nanoseconds duration = std::clamp(request.duration.value_or(Nanoseconds::zero()), Nanoseconds::zero(),
                                          read_at.time_since_epoch());
  sink(RequestStarted{id, Witness::log, server, std::string(route.endpoint), route.operation,
                      read_at - duration});
  RequestEnded ended;
  ended.id = id;
  ended.at = read_at;
  ended.status_code = request.status;
  ended.outcome = outcome_of(request.status);
  sink(std::move(ended));
}

class LogWitness::Loop {
 public:
  Loop(RequestIds& ids, RequestSink sink, ServerLogSink state, Nanoseconds interval, Nanoseconds deadline)
      : ids_(ids),
        sink_(std::move(sink)),
        state_(std::move(state)),
        interval_(interval),
        deadline_(deadline) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void set_places(std::vector<LogPlace> places) {
    const std::lock_guard lock(mutex_);
    places_ = std::move(places);
    wait_.wake();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wait_.wake();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Followed {
    std::shared_ptr<LogFollower> follower;  // also held by a thread that hangs in it
    LogPace pace;
    std::optional<ServerLog> told;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const auto places = std::exchange(places_, std::nullopt);
      lock.unlock();
      if (places) follow(*places);
      for (Followed& log : logs_)
        if (log.pace.next() <= monotonic_now()) poll(log);
      sleep();
      lock.lock();
    }
  }

  void sleep() {
    std::optional<MonotonicTime> until;
    std::vector<Followed*> listening;
    std::vector<int> fds;
    for (Followed& log : logs_) {
      until = std::min(until.value_or(log.pace.next()), log.pace.next());
      if (!log.pace.listens()) continue;
      listening.push_back(&log);
      fds.push_back(log.follower->changes_fd());
    }
    for (const std::size_t i : wait_.wait(fds, until)) listening[i]->pace.changed();
  }

  void follow(const std::vector<LogPlace>& places) {
    std::erase_if(logs_, [&](const Followed& log) {
      const std::string& server = log.follower->server();
      const bool moved = std::any_of(places.begin(), places.end(), [&](const LogPlace& place) {
        return place.server == server && place != log.follower->place();
      });
      return moved;
    });
    for (const LogPlace& place : places) {
      const bool known = std::any_of(logs_.begin(), logs_.end(), [&](const Followed& log) {
        return log.follower->server() == place.server;
      });
      if (!known && logs_.size() < kMostLogs)
        logs_.push_back({std::make_shared<LogFollower>(place), LogPace(interval_), std::nullopt});
    }
  }

  void poll(Followed& log) {
    ServerLog now = log.told.value_or(ServerLog{});
    now.server = log.follower->server();
    now.followed = false;
    bool more = false;
    bool tells = false;
    std::vector<ReadError> errors;
    try {
      const auto done =
          read_under_deadline<bool>([f = log.follower] { return f->poll(); }, errors, deadline_);
      if (done.value_or(false)) {
        now = log.follower->state();
        more = log.follower->more();
        tells = log.follower->changes_fd() >= 0;
        const MonotonicTime read_at = monotonic_now();
        for (const LogRequest& request : log.follower->take_requests())
          report_logged_request(request, log.follower->server(), ids_.next(), read_at, sink_);
      } else {
        now.error =
            errors.empty() ? hang_error(to_string(log.follower->place())).where : errors.front().where;
      }
    } catch (const std::exception& e) {
      now.error = to_string(log.follower->place()) + ": " + e.what();
    }
    log.pace.polled(monotonic_now(), more, tells);
    if (log.told != now) {
      log.told = now;
      state_(std::move(now));
    }
  }

  RequestIds& ids_;
  const RequestSink sink_;
  const ServerLogSink state_;
  const Nanoseconds interval_;
  const Nanoseconds deadline_;
  std::mutex mutex_;
  WakeableWait wait_;
  bool stopping_ = false;
  std::optional<std::vector<LogPlace>> places_;
  std::vector<Followed> logs_;  // the thread's own
  std::thread thread_;
};

LogWitness::LogWitness(RequestIds& ids, RequestSink sink, ServerLogSink state, Nanoseconds interval,
                       Nanoseconds deadline)
    : loop_(std::make_unique<Loop>(ids, std::move(sink), std::move(state), interval, deadline)) {}
LogWitness::~LogWitness() { stop(); }
void LogWitness::start() { loop_->start(); }
void LogWitness::set_places(std::vector<LogPlace> places) { loop_->set_places(std::move(places)); }
void LogWitness::stop() { loop_->stop(); }

}  // namespace tegrascope
