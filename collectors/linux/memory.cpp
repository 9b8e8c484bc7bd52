#include "collectors/linux/memory.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::uint64_t kMostKilobytes = std::uint64_t{1} << 40;  // 1 PiB

struct Meminfo {
  std::optional<std::uint64_t> total, free, available, anon, shmem, buffers, cached, reclaimable, gpu,
      swap;  // kB
};

std::optional<std::uint64_t> kilobytes(std::string_view text) {
  const auto fields = split_fields(text);
  if (fields.size() != 2 || fields[1] != "kB") return std::nullopt;
  const auto value = to_integer<std::uint64_t>(fields[0]);
  return value && *value <= kMostKilobytes ? value : std::nullopt;
}

}  // namespace

MemoryCollector::MemoryCollector(const HostPaths& paths)
    : meminfo_(paths.procfs / "meminfo"), swaps_(paths.procfs / "swaps") {}

void MemoryCollector::collect(Batch& out) {
  if (collect_meminfo(out)) collect_swaps(out);
}

// Whether there may be swap areas.
bool MemoryCollector::collect_meminfo(Batch& out) {
  const auto text = meminfo_.read_text(buffer_);
  text.report(out.errors);
  if (!text) return true;

  Meminfo info;
  struct Field {
    std::string_view name;
    std::optional<std::uint64_t> Meminfo::*value;
  };
  static constexpr std::array<Field, 10> kFields{{{"MemTotal", &Meminfo::total},
                                                  {"MemFree", &Meminfo::free},
                                                  {"MemAvailable", &Meminfo::available},
                                                  {"AnonPages", &Meminfo::anon},
                                                  {"Shmem", &Meminfo::shmem},
                                                  {"Buffers", &Meminfo::buffers},
                                                  {"Cached", &Meminfo::cached},
                                                  {"SReclaimable", &Meminfo::reclaimable},
                                                  {"NvMapMemUsed", &Meminfo::gpu},
                                                  {"SwapTotal", &Meminfo::swap}}};
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto field = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const Field& f) { return f.name == line.substr(0, colon); });
    if (field == kFields.end()) return;
    info.*field->value = kilobytes(line.substr(colon + 1));
    if (!(info.*field->value))
      out.errors.push_back(
          {ErrorReason::parse, meminfo_.path().string() + ": expected kB, got " + quoted(line)});
  });
  if (!info.total) {
    out.errors.push_back(
        {ErrorReason::parse, meminfo_.path().string() + ": no MemTotal in " + quoted(*text)});
    return true;
  }

  const bool may_swap = info.swap != 0;
  const auto emit = [&](Signal signal, std::string kind, std::uint64_t value) {
    out.readings.push_back({signal, "", std::move(kind), static_cast<double>(value * 1024), text.at()});
  };
  emit(Signal::memory_total_bytes, "", *info.total);
  if (info.available) emit(Signal::memory_available_bytes, "", *info.available);
  if (!info.free || !info.anon || !info.cached)
    return may_swap;  // without these a partition would be invented

  const std::uint64_t shmem = info.shmem.value_or(0);
  const std::uint64_t buffered = info.buffers.value_or(0) + *info.cached + info.reclaimable.value_or(0);
  std::uint64_t free = *info.free;
  std::uint64_t anon = *info.anon + shmem;
  std::uint64_t cache = buffered - std::min(buffered, shmem);
  std::uint64_t gpu = info.gpu.value_or(0);
  const std::uint64_t sum = free + anon + cache + gpu;
  std::uint64_t excess = sum > *info.total ? sum - *info.total : 0;
  for (std::uint64_t* part : {&cache, &anon, &gpu, &free}) {
    const std::uint64_t cut = std::min(excess, *part);
    *part -= cut;
    excess -= cut;
  }
  if (info.gpu) emit(Signal::memory_bytes, "gpu", gpu);
  emit(Signal::memory_bytes, "anon", anon);
  emit(Signal::memory_bytes, "cache", cache);
  emit(Signal::memory_bytes, "kernel", *info.total - free - anon - cache - gpu);
  emit(Signal::memory_bytes, "free", free);
  return may_swap;
}

void MemoryCollector::collect_swaps(Batch& out) {
  if (!swaps_present_ && probe_.due(slot_time(out)))
    swaps_present_ = SysfsFile::if_present(swaps_.path()).has_value();  // absent in kernels without swap
  if (!swaps_present_) return;
  const auto text = swaps_.read_text(buffer_);
  text.report(out.errors);
  if (!text) return;

  if (trim(*text).empty())
    out.errors.push_back(
        {ErrorReason::parse, swaps_.path().string() + ": expected a table, got " + quoted(*text)});

  struct Kind {
    std::string_view name;
    bool any = false;
    std::uint64_t total = 0;
    std::uint64_t used = 0;
  };
  std::array<Kind, 2> kinds{{{"zram"}, {"disk"}}};
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.empty() || fields[0] == "Filename") return;
    // Blanks in a file name are written \040, so the fields are always five: name, type, size, used,
    // priority.
    const auto total = fields.size() == 5 ? to_integer<std::uint64_t>(fields[2]) : std::nullopt;
    const auto used = fields.size() == 5 ? to_integer<std::uint64_t>(fields[3]) : std::nullopt;
    if (!total || !used || *total > kMostKilobytes || *used > kMostKilobytes) {
      out.errors.push_back(
          {ErrorReason::parse, swaps_.path().string() + ": expected a swap area, got " + quoted(line)});
      return;
    }
    Kind& kind = kinds[fields[0].find("/zram") == std::string_view::npos ? 1 : 0];
    kind.any = true;
    kind.total += *total;
    kind.used += *used;
  });
  for (const Kind& kind : kinds) {
    if (!kind.any) continue;
    out.readings.push_back({Signal::swap_total_bytes, "", std::string(kind.name),
                            static_cast<double>(kind.total * 1024), text.at()});
    out.readings.push_back({Signal::swap_used_bytes, "", std::string(kind.name),
                            static_cast<double>(kind.used * 1024), text.at()});
  }
}

}  // namespace tegrascope
