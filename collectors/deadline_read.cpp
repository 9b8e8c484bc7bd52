#include "collectors/deadline_read.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "collectors/read_watch.hpp"

namespace tegrascope {
namespace {

// Of all calls: a file takes no second thread.
const std::shared_ptr<Quarantine>& quarantine() {
  static const auto it = std::make_shared<Quarantine>();
  return it;
}

struct Attempt {
  ReadWatch watch{quarantine()};
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::optional<LeftBehindThread> left_behind;
  std::shared_ptr<void> result;
  std::exception_ptr thrown;
};

void run(Attempt& attempt, const std::function<std::shared_ptr<void>()>& call) {
  std::shared_ptr<void> result;
  std::exception_ptr thrown;
  {
    const ReadWatch::Use use(attempt.watch);
    try {
      result = call();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  const std::lock_guard lock(attempt.mutex);
  attempt.done = true;
  if (attempt.left_behind) quarantine()->came_back(attempt.left_behind->path(), "");
  attempt.left_behind.reset();
  attempt.result = std::move(result);
  attempt.thrown = std::move(thrown);
  attempt.changed.notify_all();
}

}  // namespace

std::shared_ptr<void> call_under_deadline(const std::function<std::shared_ptr<void>()>& call,
                                          std::vector<ReadError>& errors, Nanoseconds deadline,
                                          std::optional<Nanoseconds> after_a_hang) {
  const Nanoseconds first_deadline = deadline;
  while (LeftBehindThread::count() < LeftBehindThread::kMost) {
    const auto attempt = std::make_shared<Attempt>();
    attempt->watch.restart(monotonic_now());
    std::thread thread([attempt, call] { run(*attempt, call); });
    std::optional<std::string> hung;
    {
      std::unique_lock lock(attempt->mutex);
      const auto done = [&] { return attempt->done; };
      while (!hung && !attempt->changed.wait_until(lock, attempt->watch.last_progress() + deadline, done))
        hung = attempt->watch.leave_behind_if_overdue(monotonic_now(), deadline);
      if (hung) {
        if (!hung->empty())
          quarantine()->add(*hung, "", monotonic_now() + LeftBehindThread::kMost * first_deadline);
        attempt->left_behind.emplace(*hung);
      }
    }
    if (!hung) {
      thread.join();
      for (ReadError& error : attempt->watch.take_failures()) errors.push_back(std::move(error));
      if (attempt->thrown) std::rethrow_exception(attempt->thrown);
      return attempt->result;
    }
    thread.detach();
    if (hung->empty() && deadline < first_deadline) {  // short of CPU time, rather
      deadline = first_deadline;
      continue;
    }
    errors.push_back(hang_error(hung->empty() ? "the kernel's files" : *hung));
    if (hung->empty()) return nullptr;
    deadline = after_a_hang.value_or(deadline);
  }
  errors.push_back({ErrorReason::timeout,
                    "too many files of the host hang: no more are read until one answers; "
                    "see the kernel's log for their drivers"});
  return nullptr;
}

}  // namespace tegrascope
