// Which of many keys was used longest ago: what a table of bounded size lets go. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace tegrascope {

template <class Key>
class Recency {
 public:
  // Notes a use. The key to let go, where there are now more than `most`.
  std::optional<Key> use(const Key& key, std::size_t most) {
    used_[key] = ++uses_;
    if (used_.size() <= most) return std::nullopt;
    const auto oldest = std::min_element(used_.begin(), used_.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const Key out = oldest->first;
    used_.erase(oldest);
    return out;
  }
  void clear() { used_.clear(); }

 private:
  std::map<Key, std::uint64_t> used_;
  std::uint64_t uses_ = 0;
};

}  // namespace tegrascope
