#include "agent/model/headroom.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

Reading reading(Signal signal, std::uint64_t bytes, const char* kind = "") {
  return {signal, "", kind, static_cast<double>(bytes), MonotonicTime{}};
}

// 7619 MiB in all, 2056 MiB of it available, 1400 MiB of that page cache.
std::vector<Reading> board() {
  return {reading(Signal::memory_total_bytes, 7619 * kMiB),
          reading(Signal::memory_available_bytes, 2056 * kMiB),
          reading(Signal::memory_bytes, 1400 * kMiB, "cache"),
          reading(Signal::memory_largest_free_block_bytes, 4 * kMiB)};
}

ServerState server(std::uint64_t size, std::uint64_t on_gpu) {
  ServerState s;
  s.server.name = "127.0.0.1:11434";
  s.up = s.models_known = true;
  ResidentModel m;
  m.name = "qwen2.5:7b";
  m.size_bytes = size;
  m.size_vram_bytes = on_gpu;
  s.models = {m};
  return s;
}

TEST(MemoryHeadroom, IsWhatIsAvailableLessTheMargin) {
  const auto h = memory_headroom(board(), {server(4800 * kMiB, 4800 * kMiB)});
  ASSERT_TRUE(h);
  EXPECT_EQ(h->margin_bytes, 512 * kMiB);
  EXPECT_EQ(h->model_cache_bytes, 0u);
  EXPECT_EQ(h->fits_bytes, (2056 - 512) * kMiB);
  EXPECT_EQ(h->fits_unloaded_bytes, (2056 + 4800 - 512) * kMiB);
  ASSERT_EQ(h->models.size(), 1u);
  EXPECT_EQ(h->models[0].model, "qwen2.5:7b");
  EXPECT_FALSE(h->fragmented);
}

TEST(MemoryHeadroom, WeightsInThePageCacheAreNoRoom) {
  const auto part = memory_headroom(board(), {server(4800 * kMiB, 3800 * kMiB)});
  EXPECT_EQ(part->model_cache_bytes, 1000 * kMiB);
  EXPECT_EQ(part->fits_bytes, (2056 - 1000 - 512) * kMiB);
  const auto more_than_the_cache = memory_headroom(board(), {server(4800 * kMiB, 0)});
  EXPECT_EQ(more_than_the_cache->model_cache_bytes, 1400 * kMiB);
  EXPECT_EQ(more_than_the_cache->fits_bytes, (2056 - 1400 - 512) * kMiB);
}

TEST(MemoryHeadroom, IsNeverBelowZeroNorAboveTheMemory) {
  auto tight = board();
  tight[1].value = 300.0 * kMiB;
  EXPECT_EQ(memory_headroom(tight, {})->fits_bytes, 0u);
  const auto lied = memory_headroom(board(), {server(40000 * kMiB, 40000 * kMiB)});
  EXPECT_EQ(lied->fits_unloaded_bytes, (7619 - 512) * kMiB);
}

TEST(MemoryHeadroom, MarginGrowsWithTheMemory) {
  EXPECT_EQ(headroom_margin_bytes(4096 * kMiB), 512 * kMiB);
  EXPECT_EQ(headroom_margin_bytes(16 * 1024 * kMiB), 1024 * kMiB);
  EXPECT_EQ(headroom_margin_bytes(64 * 1024 * kMiB), 2048 * kMiB);
}

TEST(MemoryHeadroom, IsAbsentWithoutMemoryReadings) {
  EXPECT_FALSE(memory_headroom({}, {}));
  EXPECT_FALSE(memory_headroom({board()[0]}, {}));
}

TEST(MemoryHeadroom, SaysNothingOfUnloadingWhileResidencyIsUnknown) {
  auto unknown = server(4800 * kMiB, 4800 * kMiB);
  unknown.models_known = false;
  EXPECT_FALSE(memory_headroom(board(), {unknown})->fits_unloaded_bytes);
  auto down = server(1, 1);
  down.up = false;
  EXPECT_FALSE(memory_headroom(board(), {down})->fits_unloaded_bytes);
  EXPECT_EQ(memory_headroom(board(), {})->fits_unloaded_bytes, (2056 - 512) * kMiB);
}

TEST(MemoryHeadroom, AModelOfAnotherHostTakesNothing) {
  auto cloud = server(0, 0);
  cloud.models[0].remote = true;
  cloud.models[0].size_bytes.reset();
  const auto h = memory_headroom(board(), {cloud});
  EXPECT_TRUE(h->models.empty());
  EXPECT_EQ(h->fits_unloaded_bytes, (2056 - 512) * kMiB);
}

TEST(MemoryHeadroom, ACardHoldsItsOwnPart) {
  auto pc = board();
  pc.push_back(reading(Signal::gpu_memory_total_bytes, 12000 * kMiB));
  EXPECT_EQ(memory_headroom(pc, {server(4800 * kMiB, 4800 * kMiB)})->fits_unloaded_bytes,
            (2056 - 512) * kMiB);
}

// The example of docs/memory.md: the fixture orin-nano-r36 with qwen2.5:7b on the GPU.
TEST(MemoryHeadroom, SpeechBesideASevenBillionModel) {
  const auto h = memory_headroom({reading(Signal::memory_total_bytes, 7802880ULL * 1024),
                                  reading(Signal::memory_available_bytes, 2105344ULL * 1024)},
                                 {server(5303073184, 5303073184)});
  EXPECT_EQ(h->fits_bytes, 1619001344u);
  EXPECT_EQ(h->fits_unloaded_bytes, 6922074528u);
}

TEST(MemoryHeadroom, FlagsFragmentedMemory) {
  auto readings = board();
  readings[3].value = 512.0 * 1024;
  EXPECT_TRUE(memory_headroom(readings, {})->fragmented);
  readings.pop_back();
  EXPECT_FALSE(memory_headroom(readings, {})->fragmented);
  EXPECT_FALSE(memory_headroom(readings, {})->largest_free_block_bytes);
}

}  // namespace
}  // namespace tegrascope
