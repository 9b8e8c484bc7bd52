#include "collectors/linux/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using test::collect;
using test::count;
using test::value;
using testing::Optional;

constexpr double kKiB = 1024;

class MemoryTest : public testing::Test {
 protected:
  Batch read(std::string_view meminfo) {
    tree_.write("proc/meminfo", meminfo);
    MemoryCollector collector(tree_.host_paths());
    return collect(collector);
  }
  Batch read_swaps(std::string_view swaps) {
    tree_.write("proc/swaps", swaps);
    return read("MemTotal: 1000 kB\n");
  }
  static double sum_of_kinds(const Batch& batch) {
    double sum = 0;
    for (const Reading& reading : batch.readings)
      if (reading.signal == Signal::memory_bytes) sum += reading.value;
    return sum;
  }
  test::TempTree tree_;
};

TEST_F(MemoryTest, PartitionOfAnOrinAddsUpToTheTotalExactly) {
  const Batch batch = read(
      "MemTotal:        7802880 kB\n"
      "MemFree:          412672 kB\n"
      "MemAvailable:    2105344 kB\n"
      "Buffers:           65536 kB\n"
      "Cached:          1507328 kB\n"
      "SwapCached:         1024 kB\n"
      "AnonPages:        786432 kB\n"
      "Shmem:             65536 kB\n"
      "SReclaimable:     131072 kB\n"
      "NvMapMemUsed:    4505600 kB\n"
      "HugePages_Total:       0\n");
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::memory_total_bytes), Optional(7802880 * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_available_bytes), Optional(2105344 * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "free"), Optional(412672 * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "gpu"), Optional(4505600 * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "anon"), Optional((786432 + 65536) * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "cache"),
              Optional((65536 + 1507328 - 65536 + 131072) * kKiB));
  EXPECT_EQ(sum_of_kinds(batch), 7802880 * kKiB);
}

TEST_F(MemoryTest, NoGpuKindWhereTheKernelPrintsNone) {
  const Batch batch = read("MemTotal: 1000 kB\nMemFree: 100 kB\nAnonPages: 200 kB\nCached: 300 kB\n");
  EXPECT_EQ(value(batch, Signal::memory_bytes, "", "gpu"), std::nullopt);
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "kernel"), Optional(400 * kKiB));
  EXPECT_EQ(sum_of_kinds(batch), 1000 * kKiB);
}

TEST_F(MemoryTest, FiguresThatExceedTheTotalStillAddUp) {
  const Batch batch =
      read("MemTotal: 1000 kB\nMemFree: 400 kB\nAnonPages: 500 kB\nCached: 300 kB\nNvMapMemUsed: 50 kB\n");
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "cache"), Optional(50 * kKiB));
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "kernel"), Optional(0.0));
  EXPECT_EQ(sum_of_kinds(batch), 1000 * kKiB);
  EXPECT_EQ(sum_of_kinds(read("MemTotal: 10 kB\nMemFree: 400 kB\nAnonPages: 500 kB\nCached: 300 kB\n")),
            10 * kKiB);
}

TEST_F(MemoryTest, MoreShmemThanCacheDoesNotUnderflow) {
  const Batch batch =
      read("MemTotal: 1000 kB\nMemFree: 100 kB\nAnonPages: 100 kB\nCached: 10 kB\nShmem: 20 kB\n");
  EXPECT_THAT(value(batch, Signal::memory_bytes, "", "cache"), Optional(0.0));
  EXPECT_EQ(sum_of_kinds(batch), 1000 * kKiB);
}

TEST_F(MemoryTest, NoPartitionWithoutItsParts) {
  const Batch batch = read("MemTotal: 1000 kB\nMemAvailable: 10 kB\n");
  EXPECT_EQ(count(batch, Signal::memory_bytes), 0u);
  EXPECT_THAT(value(batch, Signal::memory_available_bytes), Optional(10 * kKiB));
}

TEST_F(MemoryTest, BadTexts) {
  for (const std::string_view text :
       {"", "garbage", "MemTotal: -5 kB\n", "MemTotal: 99999999999999999999 kB\n", "MemTotal: 10\n",
        "MemFree: 5 kB\n"}) {
    const Batch batch = read(text);
    EXPECT_TRUE(batch.readings.empty()) << text;
    ASSERT_FALSE(batch.errors.empty()) << text;
    EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse) << text;
  }
}

TEST_F(MemoryTest, VanishedAndFifo) {
  MemoryCollector collector(tree_.host_paths());
  EXPECT_EQ(collect(collector).errors.at(0).reason, ErrorReason::missing);
  tree_.make_fifo("proc/meminfo");
  EXPECT_EQ(collect(collector).errors.at(0).reason, ErrorReason::missing);
  tree_.replace("proc/meminfo", "MemTotal: 10 kB\n");
  EXPECT_THAT(value(collect(collector), Signal::memory_total_bytes), Optional(10 * kKiB));
}

TEST_F(MemoryTest, SwapAreasAreNotLookedForWhereThereIsNoSwap) {
  tree_.write("proc/swaps", "/dev/zram0 partition many 0 5\n");
  EXPECT_TRUE(read("MemTotal: 1000 kB\nSwapTotal: 0 kB\n").errors.empty());
  EXPECT_EQ(read("MemTotal: 1000 kB\nSwapTotal: 8 kB\n").errors.size(), 1u);
}

TEST_F(MemoryTest, SwapByKind) {
  const Batch batch = read_swaps(
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
      "/dev/zram0                              partition\t650240\t\t1000\t\t5\n"
      "/dev/zram1                              partition\t650240\t\t2000\t\t5\n"
      "/mnt/8GB\\040swap                        file\t8388604\t0\t-2\n");
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::swap_total_bytes, "", "zram"), Optional(2 * 650240 * kKiB));
  EXPECT_THAT(value(batch, Signal::swap_used_bytes, "", "zram"), Optional(3000 * kKiB));
  EXPECT_THAT(value(batch, Signal::swap_total_bytes, "", "disk"), Optional(8388604 * kKiB));
  EXPECT_THAT(value(batch, Signal::swap_used_bytes, "", "disk"), Optional(0.0));
}

TEST_F(MemoryTest, NoSwapIsNoSeries) {
  const Batch batch = read_swaps("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
  EXPECT_EQ(count(batch, Signal::swap_total_bytes), 0u);
  EXPECT_TRUE(batch.errors.empty());
  tree_.remove("proc/swaps");
  EXPECT_TRUE(read("MemTotal: 1000 kB\n").errors.empty());
}

TEST_F(MemoryTest, ABadSwapLineSpoilsNoOther) {
  const Batch batch = read_swaps("/dev/zram0 partition many 0 5\n/dev/sda2 partition 100 10 5\n");
  EXPECT_EQ(batch.errors.size(), 1u);
  EXPECT_THAT(value(batch, Signal::swap_used_bytes, "", "disk"), Optional(10 * kKiB));
}

}  // namespace
}  // namespace tegrascope
