#include "agent/analysis/board_watch.hpp"

#include <algorithm>
#include <vector>

namespace tegrascope {
namespace {

constexpr std::size_t kMostSamples = 1200;
constexpr std::size_t kIdleSamples = 5;
constexpr std::size_t kFewestIdleSamples = 3;
// The load is a moving average of 0.3 s, and a runner's work is noticed a sample late.
constexpr Nanoseconds kQuiet = std::chrono::milliseconds(2500);
constexpr Nanoseconds kIdleTells = std::chrono::minutes(5);
constexpr double kForeignLoad = 0.15;
constexpr double kSameLoad = 0.0015;
constexpr double kSwapBytesPerSecond = 1e6;
constexpr double kStalledShare = 0.10;

}  // namespace

void BoardWatch::push(Samples& samples, Sample sample) {
  if (!samples.empty() && sample.at < samples.back().at) return;
  samples.push_back(sample);
  if (samples.size() > kMostSamples) samples.pop_front();
}

void BoardWatch::add(const Reading& r) {
  switch (r.signal) {
    case Signal::throttled:
      if (r.kind == "thermal" || r.kind == "overcurrent") push(throttled_, {r.at, r.value});
      break;
    case Signal::swap_in_bytes:
      push(swapped_in_, {r.at, r.value});
      break;
    case Signal::memory_stalled_seconds:
      if (r.kind == "some") push(stalled_, {r.at, r.value});
      break;
    case Signal::nvpmodel_mode:
      power_mode_ = static_cast<int>(r.value);
      break;
    case Signal::gpu_frequency_max_hertz:
      gpu_max_hertz_ = r.value;
      break;
    default:
      break;
  }
}

void BoardWatch::add_gpu_load(MonotonicTime at, double load, bool at_work) {
  if (at_work) last_work_ = at;
  if (last_work_ && at - *last_work_ < kQuiet) return;
  idle_loads_.push_back({at, load});
  if (idle_loads_.size() > 64) idle_loads_.pop_front();
}

LoadDoubt BoardWatch::load_doubt(MonotonicTime begin, double mean) const {
  std::vector<double> idle;
  double low = mean;
  double high = mean;
  for (auto s = idle_loads_.rbegin(); s != idle_loads_.rend() && idle.size() < kIdleSamples; ++s) {
    if (s->at > begin) continue;
    if (begin - s->at > kIdleTells) break;
    idle.push_back(s->value);
    low = std::min(low, s->value);
    high = std::max(high, s->value);
  }
  if (idle.size() < kFewestIdleSamples) return LoadDoubt::none;
  const auto middle = idle.begin() + static_cast<std::ptrdiff_t>(idle.size() / 2);
  std::nth_element(idle.begin(), middle, idle.end());
  if (*middle < kForeignLoad) return LoadDoubt::none;
  return high - low < kSameLoad ? LoadDoubt::stuck : LoadDoubt::foreign;
}

BoardWatch::Samples::const_iterator BoardWatch::first_from(const Samples& samples, MonotonicTime t) {
  return std::lower_bound(samples.begin(), samples.end(), t,
                          [](const Sample& s, MonotonicTime when) { return s.at < when; });
}

bool BoardWatch::throttled(MonotonicTime begin, MonotonicTime end) const {
  // The board is looked at once a second: what was so just before holds at the beginning.
  for (auto s = first_from(throttled_, begin - std::chrono::seconds(1));
       s != throttled_.end() && s->at <= end; ++s) {
    if (s->value != 0) return true;
  }
  return false;
}

double BoardWatch::growth(const Samples& samples, MonotonicTime begin, MonotonicTime end) {
  const auto first = first_from(samples, begin - std::chrono::seconds(2));
  const auto after = first_from(samples, end + Nanoseconds(1));
  if (after - first < 2) return 0;
  const Sample& last = *(after - 1);
  if (last.at <= first->at) return 0;
  return (last.value - first->value) / to_seconds(last.at - first->at);
}

bool BoardWatch::swapping(MonotonicTime begin, MonotonicTime end) const {
  return growth(swapped_in_, begin, end) > kSwapBytesPerSecond ||
         growth(stalled_, begin, end) > kStalledShare;
}

}  // namespace tegrascope
