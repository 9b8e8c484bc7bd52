#include "collectors/linux/pressure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::count;
using test::value;
using testing::DoubleEq;
using testing::Optional;

class PressureTest : public testing::Test {
 protected:
  Batch read() { return collect(collector_); }
  double page() const { return static_cast<double>(::sysconf(_SC_PAGESIZE)); }
  test::TempTree tree_;
  PressureCollector collector_{tree_.host_paths()};
};

TEST_F(PressureTest, StallsKillsSwapAndFreeBlocks) {
  tree_.write("proc/pressure/memory",
              "some avg10=0.12 avg60=0.05 avg300=0.01 total=1500000\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n");
  tree_.write("proc/vmstat", "nr_free_pages 100\npswpin 10\npswpout 20\noom_kill 3\nswap_ra 1\n");
  tree_.write(
      "proc/buddyinfo",
      "Node 0, zone      DMA      1      0      0      0      1      0      0      0      0      0      0\n"
      "Node 0, zone   Normal      4      3      0      2      0      0      0      0      0      7      0\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::memory_stalled_seconds, "", "some"), Optional(1.5));
  EXPECT_THAT(value(batch, Signal::memory_stalled_seconds, "", "full"), Optional(0.25));
  EXPECT_THAT(value(batch, Signal::oom_kills), Optional(3.0));
  EXPECT_THAT(value(batch, Signal::swap_in_bytes), Optional(10 * page()));
  EXPECT_THAT(value(batch, Signal::swap_out_bytes), Optional(20 * page()));
  EXPECT_THAT(value(batch, Signal::memory_largest_free_block_bytes), Optional(512 * page()));
}

TEST_F(PressureTest, AKernelWithoutPsiGivesTheRest) {
  tree_.write("proc/vmstat", "oom_kill 0\n");
  EXPECT_THAT(value(read(), Signal::oom_kills), Optional(0.0));
  tree_.write("proc/pressure/memory", "(EOPNOTSUPP)");
  PressureCollector collector(tree_.host_paths());
  const Batch batch = collect(collector);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::unavailable);
  EXPECT_EQ(count(batch, Signal::memory_stalled_seconds), 0u);
}

TEST_F(PressureTest, BadTexts) {
  for (const char* bad :
       {"", "garbage\n", "some total=-1\n", "some avg10=0.00 total=99999999999999999999\n"}) {
    test::TempTree tree;
    tree.write("proc/pressure/memory", bad);
    PressureCollector collector(tree.host_paths());
    const Batch batch = collect(collector);
    EXPECT_TRUE(batch.readings.empty()) << bad;
    EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::parse) << bad;
  }
  tree_.write("proc/vmstat", "oom_kill -1\npswpin\npswpout many\n");
  tree_.write("proc/buddyinfo", "");
  const Batch batch = read();
  EXPECT_TRUE(batch.readings.empty());
  EXPECT_EQ(batch.errors.size(), 4u);
}

TEST_F(PressureTest, NothingFreeIsNoBlock) {
  tree_.write("proc/buddyinfo", "Node 0, zone   Normal      0      0\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_EQ(count(batch, Signal::memory_largest_free_block_bytes), 0u);
}

TEST_F(PressureTest, AFifoDoesNotBlockAndAppearsLate) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  tree_.make_fifo("proc/pressure/memory");
  tree_.write("proc/vmstat", "oom_kill 1\n");
  const Batch batch = collect(collector_, MonotonicTime{110s});
  EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::missing);
  EXPECT_THAT(value(batch, Signal::oom_kills), Optional(1.0));
}

}  // namespace
}  // namespace tegrascope
