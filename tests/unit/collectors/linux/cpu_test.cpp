#include "collectors/linux/cpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using test::collect;
using test::count;
using test::value;
using testing::DoubleEq;
using testing::Optional;

class CpuTest : public testing::Test {
 protected:
  Batch read(std::string_view stat) {
    tree_.write("proc/stat", stat);
    CpuCollector collector(tree_.host_paths());
    return collect(collector);
  }
  test::TempTree tree_;
};

TEST_F(CpuTest, SecondsByCoreAndModeAndBootTime) {
  const Batch batch = read(
      "cpu  30 0 0 0 0 0 0 0 0 0\n"
      "cpu0 1000 200 300 40000 50 6 7 8 900 100\n"
      "cpu11 1 2 3 4\n"
      "intr 5 0 0\n"
      "btime 1789000000\n");
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "user"), Optional(10.0));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "nice"), Optional(2.0));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "system"), Optional(3.0));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "idle"), Optional(400.0));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "iowait"), Optional(DoubleEq(0.5)));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "irq"), Optional(DoubleEq(0.06)));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "softirq"), Optional(DoubleEq(0.07)));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "0", "steal"), Optional(DoubleEq(0.08)));
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "11", "idle"), Optional(DoubleEq(0.04)));
  EXPECT_EQ(count(batch, Signal::cpu_seconds), 8u + 4u);  // no guest: it is inside user
  EXPECT_THAT(value(batch, Signal::boot_time_seconds), Optional(1789000000.0));
}

TEST_F(CpuTest, NoStatFileIsMissing) {
  CpuCollector collector(tree_.host_paths());
  const Batch batch = collect(collector);
  EXPECT_TRUE(batch.readings.empty());
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::missing);
}

TEST_F(CpuTest, EmptyAndGarbageAreParseErrors) {
  for (const std::string_view text : {"", "hello\n", "cpu0 one two three four\n", "cpu0 1 2\n",
                                      "cpu0 -1 0 0 0\n", "cpu0 99999999999999999999 0 0 0\n"}) {
    const Batch batch = read(text);
    ASSERT_FALSE(batch.errors.empty()) << text;
    EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse) << text;
    EXPECT_EQ(count(batch, Signal::boot_time_seconds), 0u);
  }
}

TEST_F(CpuTest, OneBadCoreSpoilsNoOther) {
  const Batch batch = read("cpu0 1 x 3 4\ncpu1 100 0 0 0\n");
  EXPECT_EQ(batch.errors.size(), 1u);
  EXPECT_THAT(value(batch, Signal::cpu_seconds, "1", "user"), Optional(1.0));
}

TEST_F(CpuTest, OnlineAndFrequency) {
  tree_.write("sys/devices/system/cpu/present", "0-3\n");
  tree_.write("sys/devices/system/cpu/online", "0,2-3\n");
  tree_.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1728000\n");
  tree_.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1\n");
  tree_.write("sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "(EIO)");
  tree_.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1984000\n");
  const Batch batch = read("cpu0 1 2 3 4\n");
  EXPECT_THAT(value(batch, Signal::cpu_frequency_max_hertz, "0"), Optional(1984e6));
  EXPECT_THAT(value(batch, Signal::cpu_online, "0"), Optional(1.0));
  EXPECT_THAT(value(batch, Signal::cpu_online, "1"), Optional(0.0));
  EXPECT_THAT(value(batch, Signal::cpu_online, "3"), Optional(1.0));
  EXPECT_THAT(value(batch, Signal::cpu_frequency_hertz, "0"), Optional(1728e6));
  EXPECT_EQ(value(batch, Signal::cpu_frequency_hertz, "1"), std::nullopt);  // offline
  EXPECT_EQ(value(batch, Signal::cpu_frequency_hertz, "3"), std::nullopt);  // has no cpufreq
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_THAT(batch.errors[0].where, testing::HasSubstr("cpu2"));
}

TEST_F(CpuTest, CoresThatShareAClockAreReadOnce) {
  tree_.write("sys/devices/system/cpu/online", "0-2\n");
  tree_.write("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1728000\n");
  tree_.write("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "x");
  tree_.write("sys/devices/system/cpu/cpufreq/policy2/scaling_cur_freq", "729600\n");
  for (const auto& [core, policy] :
       {std::pair("0", "policy0"), {"1", "policy0"}, {"2", "policy2"}, {"3", "policy2"}})
    tree_.link("sys/devices/system/cpu/cpu" + std::string(core) + "/cpufreq",
               "../cpufreq/" + std::string(policy));
  const Batch batch = read("cpu0 1 2 3 4\n");
  EXPECT_THAT(value(batch, Signal::cpu_frequency_hertz, "0"), Optional(1728e6));
  EXPECT_THAT(value(batch, Signal::cpu_frequency_hertz, "1"), Optional(1728e6));
  EXPECT_THAT(value(batch, Signal::cpu_frequency_hertz, "2"), Optional(729.6e6));
  EXPECT_EQ(value(batch, Signal::cpu_frequency_hertz, "3"), std::nullopt);  // offline
  EXPECT_EQ(count(batch, Signal::cpu_frequency_max_hertz), 0u);
  ASSERT_EQ(batch.errors.size(), 1u);  // not one for each core
  EXPECT_THAT(batch.errors[0].where, testing::HasSubstr("policy0/scaling_max_freq"));
}

TEST_F(CpuTest, ACoreThatComesOnlineIsReadFromTheNextProbeOn) {
  using namespace std::chrono_literals;
  tree_.write("proc/stat", "cpu0 1 2 3 4\n");
  tree_.write("sys/devices/system/cpu/online", "0\n");
  tree_.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1000\n");
  CpuCollector collector(tree_.host_paths());
  EXPECT_EQ(value(collect(collector, MonotonicTime{100s}), Signal::cpu_online, "1"), std::nullopt);
  tree_.write("sys/devices/system/cpu/online", "0-1\n");
  EXPECT_EQ(value(collect(collector, MonotonicTime{101s}), Signal::cpu_online, "1"), 1.0);
  EXPECT_EQ(value(collect(collector, MonotonicTime{110s}), Signal::cpu_frequency_hertz, "1"), 1e6);
}

TEST_F(CpuTest, GarbageInTheCoreListIsAParseError) {
  tree_.write("sys/devices/system/cpu/online", "zero\n");
  const Batch batch = read("cpu0 1 2 3 4\n");
  EXPECT_EQ(count(batch, Signal::cpu_online), 0u);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse);
}

TEST(CoreList, Forms) {
  EXPECT_EQ(parse_core_list("0-3,6\n"), (std::vector<int>{0, 1, 2, 3, 6}));
  EXPECT_EQ(parse_core_list("5"), (std::vector<int>{5}));
  EXPECT_EQ(parse_core_list("\n"), std::vector<int>{});
  for (const std::string_view bad : {"a", "1-", "-1", "3-1", "1,,2", "0-99999", "0-4294967295"})
    EXPECT_EQ(parse_core_list(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace tegrascope
