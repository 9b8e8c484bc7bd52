// What is kept by server, for when a server comes back.
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace tegrascope {

inline constexpr std::size_t kMostServersKept = 64;

// Of more than so many, those that are watched no longer go: a server that takes another port at each start would
// otherwise leave something behind each time.
template <class ByServer>
void bound_by_servers(ByServer& kept, const std::set<std::string>& watched) {
  if (kept.size() <= kMostServersKept) return;
  std::erase_if(kept, [&](const auto& entry) { return watched.count(entry.first) == 0; });
}

}  // namespace tegrascope
