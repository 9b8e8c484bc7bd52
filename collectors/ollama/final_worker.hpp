// A thread that parses large final objects, so that the relay thread does not. Starts with its first job.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "agent/model/request.hpp"

namespace tegrascope {

class FinalWorker {
 public:
  static constexpr std::size_t kMaxJobs = 64;

  // `deliver` gets each completed end, on the worker's thread.
  explicit FinalWorker(std::function<void(RequestEnded&&)> deliver) : deliver_(std::move(deliver)) {}
  ~FinalWorker() { finish(); }
  FinalWorker(const FinalWorker&) = delete;
  FinalWorker& operator=(const FinalWorker&) = delete;

  // False, and nothing taken, when kMaxJobs wait already. Never blocks for long.
  bool push(RequestEnded& ended, std::string& final_json);

  // Does what waits, then ends the thread. No push() after it.
  void finish();

 private:
  struct Job {
    RequestEnded ended;
    std::string final_json;
  };
  void run();

  std::function<void(RequestEnded&&)> deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace tegrascope
