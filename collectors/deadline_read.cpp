#include "collectors/deadline_read.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "collectors/read_watch.hpp"

namespace tegrascope {
namespace {

constexpr int kMostAttempts = 8;

struct Attempt {
  explicit Attempt(std::shared_ptr<Quarantine> quarantine) : watch(std::move(quarantine)) {}
  ReadWatch watch;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
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
  attempt.result = std::move(result);
  attempt.thrown = std::move(thrown);
  attempt.changed.notify_all();
}

}  // namespace

std::shared_ptr<void> call_under_deadline(const std::function<std::shared_ptr<void>()>& call,
                                          std::vector<ReadError>& errors, Nanoseconds deadline,
                                          std::optional<Nanoseconds> after_a_hang) {
  const auto quarantine = std::make_shared<Quarantine>();
  const Nanoseconds first_deadline = deadline;
  for (int i = 0; i < kMostAttempts; ++i) {
    const auto attempt = std::make_shared<Attempt>(quarantine);
    attempt->watch.restart(monotonic_now());
    std::thread thread([attempt, call] { run(*attempt, call); });
    std::optional<std::string> hung;
    {
      std::unique_lock lock(attempt->mutex);
      const auto done = [&] { return attempt->done; };
      while (!hung && !attempt->changed.wait_until(lock, attempt->watch.last_progress() + deadline, done))
        hung = attempt->watch.leave_behind_if_overdue(monotonic_now(), deadline);
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
    quarantine->add(*hung, "", MonotonicTime::max());
    deadline = after_a_hang.value_or(deadline);
  }
  return nullptr;
}

}  // namespace tegrascope
