#include "collectors/jetson/emc.hpp"

#include <algorithm>
#include <array>

#include "collectors/jetson/board.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kFastestHertz = 20'000'000'000;
constexpr std::int64_t kMostActivityKilohertz = 100'000'000;

struct Clock {
  std::string_view rate, max_rate;
};
constexpr std::array kClocks{
    Clock{"kernel/debug/bpmp/debug/clk/emc/rate", "kernel/debug/bpmp/debug/clk/emc/max_rate"},
    Clock{"class/devfreq/bwmgr/cur_freq", "class/devfreq/bwmgr/max_freq"},
    Clock{"kernel/debug/tegra_bwmgr/emc_rate", "kernel/debug/tegra_bwmgr/emc_max_rate"},
    Clock{"kernel/debug/clk/override.emc/clk_rate", "kernel/debug/tegra_bwmgr/emc_max_rate"}};
constexpr std::array<std::string_view, 3> kActivities{"kernel/debug/cactmon/mc_all",
                                                      "kernel/debug/bpmp/debug/actmon/mc_all_avg_activity",
                                                      "kernel/actmon_avg_activity/mc_all"};

bool is_readable(const std::filesystem::path& path) {
  auto file = SysfsFile::if_present(path);
  return file && file->read_integer(0, kFastestHertz);
}

// The first that can be read, else the first that is there but may not be.
std::optional<SysfsFile> choose(const std::filesystem::path& sysfs, std::string_view path,
                                std::optional<SysfsFile> best) {
  auto file = SysfsFile::if_present(sysfs / path);
  if (!file) return best;
  if (!best || (file->read_integer(0, kFastestHertz) && !best->read_integer(0, kFastestHertz))) return file;
  return best;
}

}  // namespace

double bus_bytes_per_second(double hertz, int bus_bits) { return hertz * 2 * bus_bits / 8; }

bool emc_is_readable(const HostPaths& paths) {
  const auto readable = [&](std::string_view path) { return is_readable(paths.sysfs / path); };
  return std::any_of(kClocks.begin(), kClocks.end(), [&](const Clock& c) { return readable(c.rate); }) &&
         std::any_of(kActivities.begin(), kActivities.end(), readable);
}

EmcCollector::EmcCollector(const HostPaths& paths) : paths_(paths) {}

void EmcCollector::find() {
  const BoardIdentity board = *read_board(paths_);
  if (!board.jetson) return;
  bus_bits_ = board.memory_bus_bits;
  rate_.reset();
  max_rate_.reset();
  activity_.reset();
  for (const Clock& clock : kClocks) {
    rate_ = choose(paths_.sysfs, clock.rate, std::move(rate_));
    if (rate_ && rate_->path() == paths_.sysfs / clock.rate)
      max_rate_ = SysfsFile::if_present(paths_.sysfs / clock.max_rate);
  }
  for (const std::string_view path : kActivities)
    activity_ = choose(paths_.sysfs, path, std::move(activity_));
}

void EmcCollector::collect(Batch& out) {
  if ((!rate_ || !activity_ || lost_) && probe_.due(slot_time(out))) find();
  out.absent = !rate_ && !activity_;
  if (!rate_) return;
  lost_ = false;
  const auto emit = [&out](Signal signal, double value, MonotonicTime at) {
    out.readings.push_back({signal, "", "", value, at});
  };

  const auto rate = rate_->read_integer(0, kFastestHertz);
  rate.report(out.errors);
  if (!rate) {
    lost_ = rate.error() != nullptr;
    return;
  }
  const auto hertz = static_cast<double>(*rate);
  emit(Signal::emc_frequency_hertz, hertz, rate.at());
  if (max_rate_ && bus_bits_ > 0) {
    const auto most = max_rate_->read_integer(1, kFastestHertz);
    most.report(out.errors);
    if (most)
      emit(Signal::emc_peak_bytes_per_second, bus_bytes_per_second(static_cast<double>(*most), bus_bits_),
           most.at());
  }
  if (!activity_ || *rate == 0) return;
  const auto activity = activity_->read_integer(0, kMostActivityKilohertz);
  activity.report(out.errors);
  lost_ = activity.error() != nullptr;
  if (!activity) return;
  // The clock may have changed since the activity was averaged.
  const double ratio = std::min(static_cast<double>(*activity) * 1e3 / hertz, 1.0);
  emit(Signal::emc_utilization_ratio, ratio, activity.at());
  if (bus_bits_ > 0)
    emit(Signal::emc_bytes_per_second, ratio * bus_bytes_per_second(hertz, bus_bits_), activity.at());
}

}  // namespace tegrascope
