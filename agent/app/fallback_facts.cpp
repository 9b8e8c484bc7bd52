#include "agent/app/fallback_facts.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "collectors/deadline_read.hpp"
#include "collectors/ollama/gpu_access.hpp"
#include "collectors/ollama/log/log_follower.hpp"
#include "collectors/ollama/log/log_places.hpp"
#include "collectors/ollama/log/log_wordings.hpp"

namespace tegrascope {

std::optional<ServerLog> read_server_log(const OllamaServer& server, const Config& config) {
  std::vector<ReadError> unreadable;
  auto log = read_under_deadline<std::optional<ServerLog>>(
      [server, paths = config.paths, setting = config.ollama_log_file]() -> std::optional<ServerLog> {
        const auto places = find_log_places({server}, paths, setting);
        if (places.empty()) return std::nullopt;
        LogFollower follower(places.front());
        do {
          follower.poll();
        } while (follower.more());
        return follower.state();
      },
      unreadable);
  return log ? *std::move(log) : std::nullopt;
}

void add_server_facts(FallbackFacts& facts, const OllamaServer& server,
                      const std::optional<ProcessId>& runner, const Config& config) {
  facts.name_container = true;
  facts.log = read_server_log(server, config);
  std::vector<std::int64_t> serves;
  std::vector<ProcessId> runners;
  if (server.serve_pid != 0) serves.push_back(server.serve_pid);
  if (runner) runners.push_back(*runner);
  std::vector<ReadError> unreadable;
  const auto access = read_under_deadline<GpuAccess>(
      [serves, runners, paths = config.paths] { return read_gpu_access(serves, runners, paths); },
      unreadable);
  if (!access) return;
  if (!access->serves.empty()) facts.serve = access->serves.front();
  if (!access->runners.empty()) facts.runner = access->runners.front();
}

void add_failure(FallbackFacts& facts, const std::string& error) {
  if (!facts.load_failed || (facts.log && facts.log->reason != ReasonClass::none)) return;
  const ReasonClass reason = failure_reason(error);
  if (reason == ReasonClass::none) return;
  if (!facts.log) facts.log.emplace();
  facts.log->reason = reason;
}

}  // namespace tegrascope
