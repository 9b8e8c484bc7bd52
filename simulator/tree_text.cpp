#include "simulator/tree_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace tegrascope::simulator {
namespace {

constexpr double kTicksPerSecond = 100.0;       // USER_HZ
constexpr std::uint64_t kBaseUsedKb = 1524000;  // the system without a model: 1488 MB as tegrastats prints it
constexpr std::uint64_t kBaseCachedKb = 912000;
constexpr std::uint64_t kBuffersKb = 61000;
constexpr std::uint64_t kSwapUsedKb = 259000;
constexpr std::uint64_t kPageBytes = 4096;

std::uint64_t ticks(double seconds) { return static_cast<std::uint64_t>(seconds * kTicksPerSecond + 1e-6); }

struct Jiffies {
  std::uint64_t user = 0, system = 0, idle = 0, iowait = 0;
};

Jiffies jiffies(const CoreState& core) {
  return {ticks(core.user), ticks(core.system), ticks(core.idle), ticks(core.iowait)};
}

std::string cpu_line(std::string_view name, const Jiffies& j) {
  return fmt::format("{} {} 0 {} {} {} 0 0 0 0 0\n", name, j.user, j.system, j.idle, j.iowait);
}

double busy(const CoreState& core) { return core.user + core.system; }

}  // namespace

MemoryUse memory_use(const BoardState& state) {
  MemoryUse m;
  const std::uint64_t gpu = state.gpu_bytes / 1024;
  const std::uint64_t cache = state.model_cache_bytes / 1024;
  const std::uint64_t anonymous = state.anonymous_bytes / 1024;
  m.gpu = 142000 + gpu;
  m.anonymous = 611000 + anonymous;
  m.buffers = kBuffersKb;
  // A model in the GPU's memory pushes the page cache out when there is no room for both.
  const std::uint64_t room = kMemoryTotalKb - kBaseUsedKb - kBuffersKb - 120000;
  const std::uint64_t used = std::min(gpu + anonymous, room);
  m.cached = std::min(kBaseCachedKb + cache, room - used);
  m.free = kMemoryTotalKb - kBaseUsedKb - used - m.cached - m.buffers;
  m.mapped = 148000 + cache;
  m.available = m.free + (m.cached + m.buffers) * 9 / 10;
  m.swap_free = 6 * kZramKb + kSwapFileKb - kSwapUsedKb;
  return m;
}

std::string proc_stat_text(const BoardState& state, std::int64_t boot_time_unix) {
  Jiffies sum;
  std::string cores;
  for (int i = 0; i < kBoardCores; ++i) {
    const Jiffies j = jiffies(state.cores[static_cast<std::size_t>(i)]);
    sum.user += j.user;
    sum.system += j.system;
    sum.idle += j.idle;
    sum.iowait += j.iowait;
    cores += cpu_line(fmt::format("cpu{}", i), j);
  }
  const auto up = static_cast<std::uint64_t>(to_seconds(state.uptime) * 1000);
  // Two blanks after "cpu", as the kernel writes.
  return cpu_line("cpu ", sum) + cores +
         fmt::format(
             "intr {} 0 0 0 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n"
             "softirq {} 0 0 0 0 0 0 0 0 0 0\n",
             up * 2, up * 5, boot_time_unix, 9000 + up / 10000, state.runner ? 2 : 1, up / 2);
}

std::string meminfo_text(const MemoryUse& m) {
  const auto line = [](std::string_view name, std::uint64_t kb) {
    return fmt::format("{:<15} {:>8} kB\n", fmt::format("{}:", name), kb);
  };
  return line("MemTotal", kMemoryTotalKb) + line("MemFree", m.free) + line("MemAvailable", m.available) +
         line("Buffers", m.buffers) + line("Cached", m.cached) + line("SwapCached", 2048) +
         line("Active", m.anonymous / 2 + m.cached / 2) + line("Inactive", m.anonymous / 2 + m.cached / 2) +
         line("Unevictable", 176) + line("Mlocked", 80) + line("SwapTotal", 6 * kZramKb + kSwapFileKb) +
         line("SwapFree", m.swap_free) + line("Dirty", 124) + line("Writeback", 0) +
         line("AnonPages", m.anonymous) + line("Mapped", m.mapped) + line("Shmem", 31200) +
         line("KReclaimable", 72040) + line("Slab", 214300) + line("SReclaimable", 72040) +
         line("SUnreclaim", 142260) + line("KernelStack", 8192) + line("PageTables", 17020) +
         line("CommitLimit", 16191856) + line("Committed_AS", 4821000) +
         line("VmallocTotal", 133143592960ULL) + line("VmallocUsed", 53000) + line("CmaTotal", 262144) +
         line("CmaFree", 101200) + line("NvMapMemFree", 0) + line("NvMapMemUsed", m.gpu) +
         "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n";
}

std::string swaps_text() {
  std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  for (int i = 0; i < 6; ++i)
    text += fmt::format("/dev/zram{}                              partition\t{}\t\t{}\t\t5\n", i, kZramKb,
                        i < 5 ? 43000 : 44000);
  return text + fmt::format("/swapfile                               file\t\t{}\t\t0\t\t-2\n", kSwapFileKb);
}

std::string uptime_text(const BoardState& state) {
  double idle = 0;
  for (const CoreState& core : state.cores) idle += core.idle;
  return fmt::format("{:.2f} {:.2f}\n", to_seconds(state.uptime), idle);
}

std::string loadavg_text(const BoardState& state) {
  const double load = state.runner ? 1.9 : 0.2;
  return fmt::format("{:.2f} {:.2f} {:.2f} {}/412 {}\n", load, load * 0.8, load * 0.6, state.runner ? 2 : 1,
                     state.runner ? state.runner->pid + 20 : 2190);
}

std::string pid_stat_text(const ProcessFigures& p) {
  return fmt::format(
      "{} ({}) {} {} {} {} 0 -1 4194560 5230 0 12 0 {} {} 0 0 20 0 {} 0 {} {} {} 18446744073709551615 1 1 0 "
      "0 0 0 0 "
      "4096 134234626 0 0 0 17 2 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      p.pid, p.comm, p.state, p.parent, p.pid, p.pid, ticks(p.user_seconds), ticks(p.system_seconds),
      p.threads, p.start_ticks, p.virtual_bytes, p.resident_bytes / kPageBytes);
}

std::string pid_statm_text(const ProcessFigures& p) {
  const std::uint64_t shared =
      (p.resident_bytes - std::min(p.resident_bytes, p.anonymous_bytes)) / kPageBytes;
  return fmt::format("{} {} {} 512 0 {} 0\n", p.virtual_bytes / kPageBytes, p.resident_bytes / kPageBytes,
                     shared, p.anonymous_bytes / kPageBytes);
}

std::string pid_status_text(const ProcessFigures& p) {
  const std::uint64_t file = p.resident_bytes - std::min(p.resident_bytes, p.anonymous_bytes);
  return fmt::format(
      "Name:\t{}\nUmask:\t0022\nState:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n"
      "Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\nFDSize:\t64\nVmPeak:\t{:>8} kB\nVmSize:\t{:>8} "
      "kB\nVmRSS:\t{:>8} kB\n"
      "RssAnon:\t{:>8} kB\nRssFile:\t{:>8} kB\nRssShmem:\t       0 kB\nVmSwap:\t       0 kB\nThreads:\t{}\n"
      "voluntary_ctxt_switches:\t1200\nnonvoluntary_ctxt_switches:\t40\n",
      p.comm, p.state, p.state == 'R' ? "running" : "sleeping", p.pid, p.pid, p.parent, p.uid, p.uid, p.uid,
      p.uid, p.uid, p.uid, p.uid, p.uid, p.virtual_bytes / 1024, p.virtual_bytes / 1024,
      p.resident_bytes / 1024, p.anonymous_bytes / 1024, file / 1024, p.threads);
}

TegrastatsLine::TegrastatsLine(const BoardState& start) : before_(start) {}

std::string TegrastatsLine::next(const BoardState& state, std::chrono::system_clock::time_point wall) {
  const double elapsed = to_seconds(state.at - before_.at);
  if (elapsed >= 0.5) {
    for (std::size_t i = 0; i < percent_.size(); ++i)
      percent_[i] = std::clamp(
          static_cast<int>(std::lround((busy(state.cores[i]) - busy(before_.cores[i])) / elapsed * 100)), 0,
          100);
    before_ = state;
  }
  ++lines_;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(wall);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::string cpu;
  for (std::size_t i = 0; i < percent_.size(); ++i)
    cpu += fmt::format("{}{}%@{}", i == 0 ? "" : ",", percent_[i], state.cores[i].frequency_khz / 1000);
  std::string rails;
  constexpr std::array kNames{"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const double milliwatts = state.rails[i].milliwatts();
    milliwatt_sum_[i] += milliwatts;
    rails += fmt::format(" {} {:.0f}mW/{:.0f}mW", kNames[i], milliwatts,
                         milliwatt_sum_[i] / static_cast<double>(lines_));
  }
  const MemoryUse memory = memory_use(state);
  const double hottest = std::max({state.cpu_celsius, state.gpu_celsius, state.soc_celsius + 0.6});
  return fmt::format(
      "{:02}-{:02}-{:04} {:02}:{:02}:{:02} RAM {}/{}MB (lfb 22x4MB) SWAP 253/12002MB (cached 2MB) CPU [{}] "
      "GR3D_FREQ {}% cpu@{:.3f}C soc2@{:.3f}C soc0@{:.3f}C gpu@{:.3f}C tj@{:.3f}C soc1@{:.3f}C{}\n",
      local.tm_mon + 1, local.tm_mday, local.tm_year + 1900, local.tm_hour, local.tm_min, local.tm_sec,
      memory.used() / 1024, kMemoryTotalKb / 1024, cpu, state.gpu_load_permille / 10, state.cpu_celsius,
      state.soc_celsius, state.soc_celsius + 0.4, state.gpu_celsius, hottest, state.soc_celsius + 0.6, rails);
}

}  // namespace tegrascope::simulator
