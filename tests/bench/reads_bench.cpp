// What a read costs, and a slot of each collector on the Orin Nano fixture. The fixture lies on a disk, not in sysfs:
// the kernel's own work for a sensor (0.5 ms of I2C for a rail) is not in it; this machine's /proc and /sys are.
#include <benchmark/benchmark.h>

#include <string>

#include "collectors/collector.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

constexpr const char* kSmall = "/sys/devices/system/cpu/online";
constexpr const char* kStat = "/proc/stat";
constexpr const char* kMeminfo = "/proc/meminfo";

void report(benchmark::State& state, std::int64_t reads_each) {
  const auto reads = static_cast<double>(state.iterations() * reads_each);
  state.counters["reads/s"] = benchmark::Counter(reads, benchmark::Counter::kIsRate);
  state.counters["per_read"] =
      benchmark::Counter(reads, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// One pread(2) of an open file.
void kept_open(benchmark::State& state, const char* path) {
  SysfsFile file(path);
  std::string buffer;
  for (auto _ : state) {
    const auto text = file.read_text(buffer);
    if (!text) state.SkipWithError(path);
    benchmark::DoNotOptimize(text->data());
  }
  report(state, 1);
}

// open, fstat, fstatfs, pread, close: what a read costs while a collector looks for its files.
void opened_each_time(benchmark::State& state, const char* path) {
  for (auto _ : state) {
    std::string text = read_once(path);
    benchmark::DoNotOptimize(text.data());
  }
  report(state, 1);
}

void integer(benchmark::State& state) {
  SysfsFile file(TEGRASCOPE_FIXTURES "/orin-nano-r36/sys/class/hwmon/hwmon3/rpm");
  for (auto _ : state) {
    const auto value = file.read_integer(0, 100'000);
    if (!value) state.SkipWithError("no value");
    benchmark::DoNotOptimize(*value);
  }
  report(state, 1);
}

// A slot a second apart, so that looking for files again is in it as often as on a board.
void slot(benchmark::State& state, const CollectorInfo& info) {
  const std::filesystem::path root = TEGRASCOPE_FIXTURES "/orin-nano-r36";
  const auto collector = info.make({root / "proc", root / "sys", root, {}});
  MonotonicTime now = monotonic_now();
  std::size_t readings = 0;
  for (auto _ : state) {
    Batch batch;
    batch.started = now += std::chrono::seconds(1);
    collector->collect(batch);
    readings = batch.readings.size();
    benchmark::DoNotOptimize(batch.readings.data());
  }
  state.counters["readings"] = static_cast<double>(readings);
}

}  // namespace
}  // namespace tegrascope

int main(int count, char** arguments) {
  using namespace tegrascope;
  for (const char* path : {kSmall, kStat, kMeminfo}) {
    benchmark::RegisterBenchmark((std::string("kept open ") + path).c_str(), kept_open, path);
    benchmark::RegisterBenchmark((std::string("opened each time ") + path).c_str(), opened_each_time, path);
  }
  benchmark::RegisterBenchmark("integer of the fixture", integer);
  for (const CollectorInfo& info : builtin_collectors())
    if (info.on_by_default)
      benchmark::RegisterBenchmark((std::string("slot ") + std::string(info.name)).c_str(), slot,
                                   std::cref(info))
          ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
