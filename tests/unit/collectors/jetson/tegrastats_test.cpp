#include "collectors/jetson/tegrastats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"
#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::value;
using testing::DoubleEq;
using testing::HasSubstr;
using testing::Optional;

constexpr auto kDeadline = 20s;

class TegrastatsTest : public testing::Test {
 protected:
  HostPaths program(std::string_view script) {
    tree_.write("tegrastats", "#!/bin/sh\n" + std::string(script));
    std::filesystem::permissions(tree_.path("tegrastats"), std::filesystem::perms::owner_all);
    HostPaths paths = tree_.host_paths();
    paths.tegrastats = tree_.path("tegrastats");
    return paths;
  }
  // Collects until a batch satisfies the condition.
  template <class Condition>
  static Batch collect_until(TegrastatsCollector& collector, Condition condition,
                             MonotonicTime now = MonotonicTime{100s}) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    Batch batch;
    do {
      batch = collect(collector, now);
      std::this_thread::yield();
    } while (!condition(batch) && std::chrono::steady_clock::now() < end);
    EXPECT_TRUE(condition(batch));
    return batch;
  }
  static bool has_readings(const Batch& batch) { return !batch.readings.empty(); }
  static bool has_error(const Batch& batch) { return !batch.errors.empty(); }

  test::TempTree tree_;
};

TEST_F(TegrastatsTest, StandsInOnlyWhileSysfsLacksTheMemoryController) {
  HostPaths paths = program("while :; do echo 'RAM 1/2MB EMC_FREQ 50%@1600'; sleep 0.01; done\n");
  tree_.write("etc/nv_tegra_release", "# R35 (release), REVISION: 4.1, GCID: 1\n");
  tree_.write("sys/firmware/devicetree/base/compatible",
              std::string("nvidia,p3668-0000") + '\0' + "nvidia,tegra194");
  TegrastatsCollector collector(paths, TegrastatsCollector::Mode::where_sysfs_lacks);
  const Batch batch = collect_until(collector, has_readings);
  EXPECT_THAT(value(batch, Signal::emc_utilization_ratio), Optional(0.5));
  EXPECT_THAT(value(batch, Signal::emc_bytes_per_second), Optional(DoubleEq(25.6e9)));
  tree_.write("sys/kernel/debug/bpmp/debug/clk/emc/rate", "1600000000\n");
  tree_.write("sys/kernel/debug/cactmon/mc_all", "800000\n");
  const Batch stopped = collect(collector, MonotonicTime{170s});
  EXPECT_TRUE(stopped.absent);
  EXPECT_TRUE(stopped.readings.empty());
}

TEST_F(TegrastatsTest, ReadingsOfALine) {
  Batch batch;
  append_readings(
      parse_tegrastats_line(
          "CPU [1%@729] EMC_FREQ 3%@2133 GR3D_FREQ 62%@[612,612] CPU@47.75C PMIC@100C CV0@-256C VDD_IN "
          "4541mW/4654mW NC 5mW/5mW"),
      MonotonicTime{7s}, batch);
  EXPECT_EQ(batch.readings.size(), 7u);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.62)));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(612e6));
  EXPECT_THAT(value(batch, Signal::emc_utilization_ratio), Optional(DoubleEq(0.03)));
  EXPECT_THAT(value(batch, Signal::emc_frequency_hertz), Optional(2133e6));
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "cpu"), Optional(47.75));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "VDD_IN"), Optional(4.541));
  EXPECT_THAT(value(batch, Signal::board_power_watts, "", "input_rail"), Optional(4.541));
  for (const Reading& reading : batch.readings) EXPECT_EQ(reading.at, MonotonicTime{7s});
}

TEST_F(TegrastatsTest, ReadsTheNewestCompleteLineOfTheProgram) {
  TegrastatsCollector collector(
      program("[ \"$1 $2\" = '--interval 1000' ] || exit 9\n"
              "printf 'GR3D_FREQ 1%%\\nGR3D_FREQ 2%%\\nGR3D_FREQ 3'\nexec sleep 1000\n"));
  const Batch batch = collect_until(collector, has_readings);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.02)));
  EXPECT_TRUE(collect(collector, MonotonicTime{101s}).readings.empty());  // nothing new
}

TEST_F(TegrastatsTest, SilenceIsAnErrorAfterFiveSeconds) {
  TegrastatsCollector collector(program("exec sleep 1000\n"));
  EXPECT_TRUE(collect(collector, MonotonicTime{100s}).errors.empty());
  EXPECT_TRUE(collect(collector, MonotonicTime{105s}).errors.empty());
  const Batch batch = collect(collector, MonotonicTime{106s});
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::timeout);
}

TEST_F(TegrastatsTest, AnEndedProgramIsAnErrorAndStartedAgainAfterTenSeconds) {
  TegrastatsCollector collector(program("echo run >> \"$0.log\"\nexit 3\n"));
  const auto runs = [&] { return split_fields(read_once(tree_.path("tegrastats.log"))).size(); };
  const Batch ended = collect_until(collector, has_error);
  EXPECT_THAT(ended.errors[0].where, HasSubstr("ended with exit code 3"));
  EXPECT_EQ(runs(), 1u);
  EXPECT_EQ(collect(collector, MonotonicTime{109s}).errors.size(), 1u);
  EXPECT_EQ(runs(), 1u);
  collect(collector, MonotonicTime{110s});
  collect_until(collector, has_error, MonotonicTime{111s});
  EXPECT_EQ(runs(), 2u);
}

TEST_F(TegrastatsTest, ThatWhichCannotBeStartedIsAnError) {
  HostPaths paths = tree_.host_paths();
  paths.tegrastats = tree_.path("none");
  TegrastatsCollector collector(paths);
  const Batch batch = collect(collector);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_THAT(batch.errors[0].where, HasSubstr("cannot be started: No such file"));
}

TEST_F(TegrastatsTest, EndlessOutputWithoutANewlineIsBounded) {
  TegrastatsCollector collector(program("exec cat /dev/zero\n"));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(collect(collector).readings.empty());
}

TEST_F(TegrastatsTest, AStoppedProgramBlocksNothing) {
  TegrastatsCollector collector(program("echo $$ > " + tree_.path("pid").string() +
                                        "\nwhile :; do echo 'GR3D_FREQ 7%'; sleep 0.01; done\n"));
  collect_until(collector, has_readings);
  const auto pid = to_integer<pid_t>(read_once(tree_.path("pid"))).value_or(0);
  ASSERT_GT(pid, 0);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto before = std::chrono::steady_clock::now();
  collect_until(collector, [](const Batch& batch) { return batch.readings.empty(); });
  const Batch silent = collect(collector, MonotonicTime{106s});
  ASSERT_EQ(silent.errors.size(), 1u);
  EXPECT_EQ(silent.errors[0].reason, ErrorReason::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
}

TEST_F(TegrastatsTest, FoundInPath) {
  program("");
  tree_.write("plain/tegrastats", "not executable");
  const std::string path =
      ":" + tree_.path("none").string() + ":" + tree_.path("plain").string() + ":" + tree_.root().string();
  EXPECT_EQ(find_in_path("tegrastats", path), tree_.path("tegrastats"));
  EXPECT_TRUE(find_in_path("tegrastats", tree_.path("none").string()).empty());
}

TEST_F(TegrastatsTest, KillsTheWholeGroupAtTheEnd) {
  pid_t grandchild = 0;
  pid_t child_pid = 0;
  {
    program("sleep 1000 &\necho $!\nwait\n");
    ChildProcess child(tree_.path("tegrastats"), {});
    ASSERT_TRUE(child.running()) << child.error();
    child_pid = child.pid();
    std::string output;
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (output.find('\n') == std::string::npos && std::chrono::steady_clock::now() < end)
      ASSERT_TRUE(child.drain(output));
    grandchild = to_integer<pid_t>(trim(output)).value_or(0);
    ASSERT_GT(grandchild, 0);
    EXPECT_EQ(::kill(grandchild, 0), 0);
    EXPECT_EQ(::getpgid(grandchild), child_pid);
  }
  EXPECT_EQ(::waitpid(child_pid, nullptr, WNOHANG), -1);  // reaped
  EXPECT_EQ(errno, ECHILD);
  // Killed; init may take a moment to reap it, so a zombie counts as gone.
  const auto gone = [&] {
    const std::string stat = read_once("/proc/" + std::to_string(grandchild) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!gone() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(gone());
}

TEST_F(TegrastatsTest, TheChildInheritsNothing) {
  program("ls /proc/self/fd\necho end\n");
  const int inherited = ::dup(0);
  ChildProcess child(tree_.path("tegrastats"), {});
  std::string output;
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (child.drain(output) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ::close(inherited);
  EXPECT_EQ(output, "0\n1\n2\n3\nend\n");  // 3 is the folder that ls reads
}

}  // namespace
}  // namespace tegrascope
