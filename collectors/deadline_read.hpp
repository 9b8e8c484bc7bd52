// Reading kernel files outside of the sampler, at the start and in between, without hanging in one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

inline constexpr std::chrono::milliseconds kReadDeadline{500};

// Calls `read` on a thread of its own and returns its value; waits for it. When it hangs in a file
// (read_watch.hpp) for `deadline`, the thread is left behind and `read` is called anew without that file; later
// calls leave it out as well, while the thread is in it.
// Nothing when it hangs elsewhere, or when LeftBehindThread::kMost threads of this process hang: then no further
// one is risked. Errors say which files hang, and why probes failed. A second file and those after it get
// `after_a_hang`, where it is given.
// What `read` throws is thrown. `read` must own what it uses: a thread that was left behind runs on when its
// file answers. Any thread.
template <class T>
std::optional<T> read_under_deadline(std::function<T()> read, std::vector<ReadError>& errors,
                                     Nanoseconds deadline = kReadDeadline,
                                     std::optional<Nanoseconds> after_a_hang = {});

std::shared_ptr<void> call_under_deadline(const std::function<std::shared_ptr<void>()>& call,
                                          std::vector<ReadError>& errors, Nanoseconds deadline,
                                          std::optional<Nanoseconds> after_a_hang);

template <class T>
std::optional<T> read_under_deadline(std::function<T()> read, std::vector<ReadError>& errors,
                                     Nanoseconds deadline, std::optional<Nanoseconds> after_a_hang) {
  const auto result = call_under_deadline(
      [read = std::move(read)]() -> std::shared_ptr<void> { return std::make_shared<T>(read()); }, errors,
      deadline, after_a_hang);
  if (!result) return std::nullopt;
  return std::move(*static_cast<T*>(result.get()));
}

}  // namespace tegrascope
