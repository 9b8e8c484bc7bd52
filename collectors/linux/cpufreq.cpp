#include "collectors/linux/cpufreq.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "collectors/read_watch.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kFastestKilohertz = 10'000'000;

std::optional<Reading> read_clock(std::optional<SysfsFile>& file, Signal signal, Batch& out) {
  if (!file) return std::nullopt;
  const auto kilohertz = file->read_integer(0, kFastestKilohertz);
  kilohertz.report(out.errors);
  if (!kilohertz) return std::nullopt;
  return Reading{signal, "", "", static_cast<double>(*kilohertz) * 1e3, kilohertz.at()};
}

}  // namespace

std::filesystem::path cpufreq_policy(const std::filesystem::path& cpufreq) {
  const WatchedRead watched(cpufreq);
  std::error_code error;
  const auto target =
      watched.refused() ? std::filesystem::path() : std::filesystem::read_symlink(cpufreq, error);
  return error || target.empty() ? cpufreq : (cpufreq.parent_path() / target).lexically_normal();
}

void CpuClocks::find(const std::vector<int>& cores) {
  for (const int core : cores) {
    auto policy = std::find_if(policies_.begin(), policies_.end(), [&](const Policy& p) {
      return std::find(p.cores.begin(), p.cores.end(), core) != p.cores.end();
    });
    if (policy == policies_.end()) {
      const auto folder = cpufreq_policy(cpu_folder_ / ("cpu" + std::to_string(core)) / "cpufreq");
      policy = std::find_if(policies_.begin(), policies_.end(),
                            [&](const Policy& p) { return p.folder == folder; });
      if (policy == policies_.end()) policy = policies_.insert(policies_.end(), {folder, {}, {}, {}});
      policy->cores.push_back(core);
    }
    if (!policy->now) policy->now = SysfsFile::if_present(policy->folder / "scaling_cur_freq");
    if (!policy->limit) policy->limit = SysfsFile::if_present(policy->folder / "scaling_max_freq");
  }
  // A core without files may get a policy yet.
  std::erase_if(policies_, [](const Policy& p) { return !p.now && !p.limit; });
}

void CpuClocks::read(const std::vector<int>& cores, Batch& out) {
  for (Policy& policy : policies_) {
    const auto runs = [&](int core) { return std::binary_search(cores.begin(), cores.end(), core); };
    if (std::none_of(policy.cores.begin(), policy.cores.end(), runs)) continue;
    auto now = read_clock(policy.now, Signal::cpu_frequency_hertz, out);
    auto limit = read_clock(policy.limit, Signal::cpu_frequency_max_hertz, out);
    for (const int core : policy.cores) {
      if (!runs(core)) continue;
      for (auto* reading : {&now, &limit}) {
        if (!*reading) continue;
        (*reading)->instance = std::to_string(core);
        out.readings.push_back(**reading);
      }
    }
  }
}

}  // namespace tegrascope
