#include "agent/attribution/baseline.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

constexpr std::size_t kSlices = 600;
constexpr Nanoseconds kValidFrom = std::chrono::seconds(60);

}  // namespace

void IdleBaseline::add(double watts, Nanoseconds duration) {
  if (slices_.size() < kSlices) {
    slices_.push_back({watts, duration});
  } else {
    covered_ -= slices_[next_].duration;
    slices_[next_] = {watts, duration};
    next_ = (next_ + 1) % kSlices;
  }
  covered_ += duration;
  cached_.reset();
}

std::optional<double> IdleBaseline::watts() const {
  if (covered_ < kValidFrom) return std::nullopt;
  if (!cached_) {
    std::vector<double> sorted;
    sorted.reserve(slices_.size());
    for (const Slice& s : slices_) sorted.push_back(s.watts);
    const auto tenth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 10);
    std::nth_element(sorted.begin(), tenth, sorted.end());
    cached_ = *tenth;
  }
  return cached_;
}

}  // namespace tegrascope
