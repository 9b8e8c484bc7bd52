#include "collectors/linux/self.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collectors/linux/process_stat.hpp"
#include "collectors/read_watch.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

std::optional<double> read_boot_time(std::string& buffer) {
  std::optional<double> result;
  SysfsFile file("/proc/stat");
  if (const auto text = file.read_text(buffer))
    for_each_part(*text, '\n', [&](std::string_view line) {
      if (remove_prefix(line, "btime ")) result = to_number(trim(line));
    });
  return result;
}

// Since Linux 6.2 the folder's size is their number (fs/proc/fd.c), before it is 0. Listing them costs more than all
// the rest of the agent's look at itself.
std::size_t count_open_files() {
  constexpr const char* kFolder = "/proc/self/fd";
  struct stat status {};
  {
    WatchedRead watched(kFolder);
    const MonotonicTime begin = monotonic_now();
    if (watched.refused() || ::stat(kFolder, &status) != 0) return 0;
    if (status.st_size > 0 && watched.traced())
      watched.trace({kFolder, begin, monotonic_now(), 0, false, std::to_string(status.st_size)});
  }
  if (status.st_size > 0) return static_cast<std::size_t>(status.st_size);
  const std::size_t listed = list_directory(kFolder).size();
  return listed > 0 ? listed - 1 : 0;  // one is the descriptor that lists
}

}  // namespace

SelfCollector::SelfCollector(const HostPaths&) : stat_("/proc/self/stat") {}

void SelfCollector::collect(Batch& out) {
  const auto emit = [&](Signal signal, double value, MonotonicTime at) {
    out.readings.push_back({signal, "", "", value, at});
  };
  timespec cpu{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
    emit(Signal::self_cpu_seconds, static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9,
         monotonic_now());

  const auto text = stat_.read_text(buffer_);
  text.report(out.errors);
  if (text) {
    if (const auto stat = parse_process_stat(*text)) {
      const double page = static_cast<double>(::sysconf(_SC_PAGESIZE));
      emit(Signal::self_resident_bytes, static_cast<double>(stat->resident_pages) * page, text.at());
      emit(Signal::self_virtual_bytes, static_cast<double>(stat->virtual_bytes), text.at());
      if (!boot_time_) {
        std::string buffer;
        boot_time_ = read_boot_time(buffer);
      }
      if (boot_time_)
        emit(Signal::self_start_time_seconds, *boot_time_ + to_seconds(from_ticks(stat->start_ticks)),
             text.at());
    } else {
      out.errors.push_back(
          {ErrorReason::parse, stat_.path().string() + ": expected a stat line, got " + quoted(*text)});
    }
  }

  if (const std::size_t open_files = count_open_files(); open_files > 0)
    emit(Signal::self_open_fds, static_cast<double>(open_files), monotonic_now());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    emit(Signal::self_max_fds, static_cast<double>(limit.rlim_cur), monotonic_now());
}

}  // namespace tegrascope
