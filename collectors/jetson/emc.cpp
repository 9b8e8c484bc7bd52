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
  std::optional<SysfsFile> rate, max_rate, activity;
  for (const Clock& clock : kClocks) {
    rate = choose(paths_.sysfs, clock.rate, std::move(rate));
    const bool chosen = rate && rate->path() == paths_.sysfs / clock.rate;
    if (chosen || !max_rate)
      if (auto file = SysfsFile::if_present(paths_.sysfs / clock.max_rate)) max_rate = std::move(file);
  }
  for (const std::string_view path : kActivities) activity = choose(paths_.sysfs, path, std::move(activity));
  if (rate) rate_ = std::move(rate);
  if (max_rate) max_rate_ = std::move(max_rate);
  if (activity) activity_ = std::move(activity);
}

void EmcCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), !rate_ || !activity_ || lost_)) find();
  out.absent = !rate_ && !max_rate_ && !activity_;
  lost_ = false;
  const auto emit = [&out](Signal signal, double value, MonotonicTime at) {
    out.readings.push_back({signal, "", "", value, at});
  };

  // Who is refused looks again too: another file may be readable by then.
  const auto read = [&](SysfsFile& file, std::int64_t least, std::int64_t most) {
    auto value = file.read_integer(least, most);
    value.report(out.errors);
    lost_ = lost_ || (value.error() != nullptr && !value.failed_with(ErrorReason::unavailable));
    return value;
  };

  if (max_rate_ && bus_bits_ > 0)
    if (const auto most = read(*max_rate_, 1, kFastestHertz))
      emit(Signal::emc_peak_bytes_per_second, bus_bytes_per_second(static_cast<double>(*most), bus_bits_),
           most.at());
  if (!rate_) return;
  const auto rate = read(*rate_, 0, kFastestHertz);
  if (!rate) return;
  const auto hertz = static_cast<double>(*rate);
  emit(Signal::emc_frequency_hertz, hertz, rate.at());
  if (!activity_ || *rate == 0) return;
  const auto activity = read(*activity_, 0, kMostActivityKilohertz);
  if (!activity) return;
  // The clock may have changed since the activity was averaged.
  const double ratio = std::min(static_cast<double>(*activity) * 1e3 / hertz, 1.0);
  emit(Signal::emc_utilization_ratio, ratio, activity.at());
  if (bus_bits_ > 0)
    emit(Signal::emc_bytes_per_second, ratio * bus_bytes_per_second(hertz, bus_bits_), activity.at());
}

}  // namespace tegrascope
