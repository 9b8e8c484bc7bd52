#include "collectors/ollama/seen_requests.hpp"

#include <algorithm>
#include <functional>

namespace tegrascope {
namespace {

bool is_host_field(std::string_view line) {
  constexpr std::string_view name = "host:";
  return line.size() >= name.size() &&
         std::equal(name.begin(), name.end(), line.begin(),
                    [](char wanted, char c) { return wanted == (c >= 'A' && c <= 'Z' ? c + 32 : c); });
}

std::uint64_t hash_of(std::string_view server, std::string_view head) {
  std::uint64_t hash = std::hash<std::string_view>{}(server);
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    if (!is_host_field(line)) {
      hash = hash * 0x9e3779b97f4a7c15ULL + std::hash<std::string_view>{}(line);
    }
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
  }
  return hash;
}

}  // namespace

void SeenRequests::announce(std::string_view server, std::string_view head, MonotonicTime now) {
  const std::uint64_t hash = hash_of(server, head);
  const std::lock_guard lock(mutex_);
  forget_old(now);
  if (waiting_.size() >= kMaxWaiting) waiting_.pop_front();
  waiting_.push_back({hash, now});
}

bool SeenRequests::claim(std::string_view server, std::string_view head, MonotonicTime now) {
  const std::uint64_t hash = hash_of(server, head);
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Announced& a) { return a.hash == hash; });
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

void SeenRequests::forget_old(MonotonicTime now) {
  while (!waiting_.empty() && now - waiting_.front().at > kMemory) waiting_.pop_front();
}

}  // namespace tegrascope
