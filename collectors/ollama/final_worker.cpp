#include "collectors/ollama/final_worker.hpp"

#include <utility>

#include "collectors/ollama/final_counts.hpp"

namespace tegrascope {

bool FinalWorker::push(RequestEnded& ended, std::string& final_json) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMaxJobs) return false;
    jobs_.push_back({std::move(ended), std::move(final_json)});
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  changed_.notify_one();
  return true;
}

void FinalWorker::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void FinalWorker::run() {
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finishing_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    try {
      complete_from_final(job.ended, job.final_json);
    } catch (const std::exception&) {  // out of memory: the end is reported without its figures
      job.ended.observation_error = "json";
    }
    deliver_(std::move(job.ended));
  }
}

}  // namespace tegrascope
