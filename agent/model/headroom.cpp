#include "agent/model/headroom.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

constexpr std::uint64_t kLeastMarginBytes = 512ULL << 20U;
constexpr std::uint64_t kMostMarginBytes = 2048ULL << 20U;
constexpr std::uint64_t kMarginPart = 16;

std::optional<std::uint64_t> bytes_of(const std::vector<Reading>& readings, Signal signal,
                                      const char* kind = "") {
  for (const Reading& r : readings) {
    if (r.signal == signal && r.kind == kind && r.value >= 0) return static_cast<std::uint64_t>(r.value);
  }
  return std::nullopt;
}

std::uint64_t less(std::uint64_t from, std::uint64_t taken) { return from > taken ? from - taken : 0; }

void add_resident(const ServerState& server, MemoryHeadroom& out) {
  for (const ResidentModel& m : server.models) {
    if (m.remote || !m.size_bytes) continue;
    out.models.push_back({server.server.name, m.name, *m.size_bytes,
                          std::min(m.size_vram_bytes.value_or(*m.size_bytes), *m.size_bytes)});
  }
}

}  // namespace

std::uint64_t headroom_margin_bytes(std::uint64_t memory_total_bytes) {
  return std::clamp(memory_total_bytes / kMarginPart, kLeastMarginBytes, kMostMarginBytes);
}

std::optional<MemoryHeadroom> memory_headroom(const std::vector<Reading>& readings,
                                              const std::vector<ServerState>& servers) {
  const auto total = bytes_of(readings, Signal::memory_total_bytes);
  const auto available = bytes_of(readings, Signal::memory_available_bytes);
  if (!total || !available) return std::nullopt;
  const bool card = std::any_of(readings.begin(), readings.end(), [](const Reading& r) {
    return r.signal == Signal::gpu_memory_total_bytes && r.value > 0;
  });

  MemoryHeadroom out;
  out.total_bytes = *total;
  out.available_bytes = std::min(*available, *total);
  out.margin_bytes = headroom_margin_bytes(*total);
  bool all_known = true;
  std::uint64_t in_memory = 0;
  std::uint64_t on_cpu = 0;
  for (const ServerState& server : servers) {
    if (server.server.kind != UpstreamKind::ollama) continue;
    all_known = all_known && server.up && server.models_known &&
                std::all_of(server.models.begin(), server.models.end(),
                            [](const ResidentModel& m) { return m.remote || m.size_bytes; });
    add_resident(server, out);
  }
  for (const MemoryHeadroom::Model& m : out.models) {
    in_memory += card ? m.size_bytes - m.gpu_bytes : m.size_bytes;
    on_cpu += m.size_bytes - m.gpu_bytes;
  }
  const auto cache = bytes_of(readings, Signal::memory_bytes, "cache");
  out.model_cache_bytes = std::min({on_cpu, cache.value_or(on_cpu), out.available_bytes});

  const std::uint64_t free_of_models = out.available_bytes - out.model_cache_bytes;
  out.fits_bytes = less(free_of_models, out.margin_bytes);
  if (all_known)
    out.fits_unloaded_bytes = less(std::min(free_of_models + in_memory, *total), out.margin_bytes);
  out.largest_free_block_bytes = bytes_of(readings, Signal::memory_largest_free_block_bytes);
  out.fragmented = out.largest_free_block_bytes && *out.largest_free_block_bytes < kFragmentedBelowBytes;
  return out;
}

}  // namespace tegrascope
