#include "collectors/nvml/nvml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <set>

#include "collectors/jetson/gpu.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_nvml.hpp"
#include "tests/support/readings.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::count;
using test::FakeNvml;
using test::TempTree;
using test::value;
using testing::DoubleEq;
using testing::HasSubstr;
using testing::Optional;
namespace fs = std::filesystem;

using Mode = NvmlCollector::Mode;

HostPaths paths_of(const fs::path& root, const FakeNvml& fake) {
  return {root / "proc", root / "sys", root, {}, fake.library()};
}

// Slots at that time until the library has started with something to say.
Batch collect_started(NvmlCollector& collector, MonotonicTime at = MonotonicTime{1000s}) {
  Batch batch;
  EXPECT_TRUE(test::eventually([&] {
    batch = collect(collector, at);
    return !batch.readings.empty() || !batch.errors.empty();
  }));
  return batch;
}

std::set<Signal> signals(const Batch& batch) {
  std::set<Signal> out;
  for (const Reading& r : batch.readings) out.insert(r.signal);
  return out;
}

// What the GPUs of a library mean on such a machine.
std::shared_ptr<NvmlSession> started(const FakeNvml& fake, IntegratedGpu integrated = {}) {
  auto session = NvmlSession::begin({fake.library(), integrated}, nullptr);
  EXPECT_TRUE(test::eventually([&] { return session->started(); }));
  return session;
}

class NvmlTest : public testing::Test {
 protected:
  HostPaths paths() const { return paths_of(tree_.root(), fake_); }
  TempTree tree_;
  FakeNvml fake_;
};

TEST_F(NvmlTest, ACardGivesItsFiguresInBaseUnits) {
  fake_.set_card();
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  EXPECT_TRUE(batch.errors.empty()) << batch.errors.front().where;
  EXPECT_FALSE(batch.absent);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.35)));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "gpu0"), Optional(DoubleEq(55.5)));
  EXPECT_THAT(value(batch, Signal::rail_energy_joules, "gpu0"), Optional(DoubleEq(1000)));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(1.777e9));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_max_hertz, "0"), Optional(2.1e9));
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "gpu0"), Optional(61));
  EXPECT_THAT(value(batch, Signal::gpu_memory_total_bytes, "0"), Optional(12884901888.0));
  EXPECT_THAT(value(batch, Signal::gpu_memory_used_bytes, "0"), Optional(1073741824.0));
  EXPECT_EQ(batch.readings.size(), 8u) << "and no board_power_watts";
  EXPECT_TRUE(batch.lists_gpu_processes);
  ASSERT_EQ(batch.gpu_processes.size(), 1u);
  EXPECT_EQ(batch.gpu_processes[0].pid, 4711);
  EXPECT_EQ(batch.gpu_processes[0].gpu, "0");
  EXPECT_EQ(batch.gpu_processes[0].memory_bytes, 536870912u);
}

TEST_F(NvmlTest, LoadAndPowerComeInEverySlotTheRestOnceASecond) {
  fake_.set_card();
  NvmlCollector collector(paths());
  (void)collect_started(collector);
  const std::set<Signal> often{Signal::gpu_utilization_ratio, Signal::rail_power_watts,
                               Signal::rail_energy_joules};
  const Batch soon = collect(collector, MonotonicTime{1000s + 100ms});
  EXPECT_EQ(signals(soon), often);
  EXPECT_FALSE(soon.lists_gpu_processes);
  EXPECT_EQ(collect(collector, MonotonicTime{1001s}).readings.size(), 8u);
}

TEST_F(NvmlTest, CardsCountFromZero) {
  fake_.set_card("0");
  fake_.set_card("1");
  fake_.set({{"1.utilization", "80"}});
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.35)));
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "1"), Optional(DoubleEq(0.8)));
  EXPECT_EQ(count(batch, Signal::rail_power_watts), 2u);
}

TEST_F(NvmlTest, WhatTheCardDoesNotSupportIsAbsent) {
  fake_.set({{"count", "1"}, {"0.name", "NVIDIA GeForce GT 710"}, {"0.temperature", "40"}});
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  EXPECT_TRUE(batch.errors.empty()) << batch.errors.front().where;
  EXPECT_EQ(signals(batch), std::set<Signal>{Signal::temperature_celsius});
  EXPECT_FALSE(batch.lists_gpu_processes);
}

TEST_F(NvmlTest, ZerosThatNoCardCanMeanAreAbsentAndAnIdleCardIsNot) {
  fake_.set_card();
  fake_.set({{"0.utilization", "0"}, {"0.power", "0"}, {"0.energy", "0"}, {"0.clock", "0"}});
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  EXPECT_TRUE(batch.errors.empty()) << batch.errors.front().where;
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(0));
  for (const Signal signal :
       {Signal::rail_power_watts, Signal::rail_energy_joules, Signal::gpu_frequency_hertz})
    EXPECT_EQ(count(batch, signal), 0u);
}

TEST_F(NvmlTest, AFigureThatCannotBeIsAnError) {
  fake_.set_card();
  fake_.set({{"0.utilization", "4294967295"}});
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  EXPECT_EQ(count(batch, Signal::gpu_utilization_ratio), 0u);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::range);
  EXPECT_THAT(batch.errors[0].where, HasSubstr("4294967295"));
}

TEST_F(NvmlTest, AnOldDriverGivesWhatItHas) {
  FakeNvml old(TEGRASCOPE_FAKE_NVML_OLD);
  old.set_card();
  NvmlCollector collector(paths_of(tree_.root(), old));
  const Batch batch = collect_started(collector);
  EXPECT_TRUE(batch.errors.empty()) << batch.errors.front().where;
  EXPECT_EQ(count(batch, Signal::rail_energy_joules), 0u);
  EXPECT_EQ(batch.readings.size(), 7u);
  EXPECT_EQ(batch.gpu_processes.size(), 1u);
}

TEST_F(NvmlTest, ErrorsHaveAReasonAndNameTheCallAndTheCard) {
  fake_.set_card();
  fake_.set({{"0.power", "!4"}, {"0.clock", "!10"}, {"0.temperature", "!999"}});
  NvmlCollector collector(paths());
  const Batch batch = collect_started(collector);
  ASSERT_EQ(batch.errors.size(), 3u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::permission);
  EXPECT_THAT(batch.errors[0].where, HasSubstr("nvmlDeviceGetPowerUsage of GPU 0 (NVIDIA GeForce RTX 3060)"));
  EXPECT_EQ(batch.errors[1].reason, ErrorReason::timeout);
  EXPECT_EQ(batch.errors[2].reason, ErrorReason::missing);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.35)));
}

TEST_F(NvmlTest, ALostCardIsAnErrorTheOtherStaysAndTheLibraryIsStartedAnewOnceAMinute) {
  fake_.set_card("0");
  fake_.set_card("1");
  fake_.pin();
  NvmlCollector collector(paths());
  (void)collect_started(collector);
  fake_.set({{"0.utilization", "!15"}, {"0.handle", "!15"}});
  const Batch lost = collect(collector, MonotonicTime{1001s});
  ASSERT_EQ(lost.errors.size(), 1u) << "after the first nothing more is asked";
  EXPECT_EQ(lost.errors[0].reason, ErrorReason::missing);
  EXPECT_THAT(lost.errors[0].where, HasSubstr("GPU is lost"));
  EXPECT_THAT(value(lost, Signal::gpu_utilization_ratio, "1"), Optional(DoubleEq(0.35)));

  const Batch anew = collect_started(collector, MonotonicTime{1002s});
  EXPECT_EQ(count(anew, Signal::gpu_utilization_ratio), 1u);
  EXPECT_THAT(value(anew, Signal::gpu_utilization_ratio, "1"), Optional(DoubleEq(0.35)));
  EXPECT_EQ(anew.errors.size(), 1u);
  EXPECT_EQ(fake_.references(), 1);

  fake_.set({{"0.utilization", "10"}, {"0.handle", ""}});
  EXPECT_EQ(collect(collector, MonotonicTime{1061s}).errors.size(), 1u) << "not yet";
  EXPECT_TRUE(test::eventually([&] {
    const Batch back = collect(collector, MonotonicTime{1062s});
    return back.errors.empty() && value(back, Signal::gpu_utilization_ratio, "0").has_value();
  }));
  EXPECT_EQ(fake_.references(), 1);
}

TEST_F(NvmlTest, ALibraryThatAppearsLateIsFound) {
  const fs::path late = tree_.path("libnvidia-ml.so.1");
  HostPaths where = paths();
  where.nvml_library = late;
  NvmlCollector collector(where);
  EXPECT_TRUE(collect(collector, MonotonicTime{1000s}).absent);
  fake_.set_card();
  fs::copy_file(fake_.library().string() + ".answers", late.string() + ".answers");
  fs::copy_file(fake_.library(), late);
  EXPECT_TRUE(test::eventually([&] { return !collect(collector, MonotonicTime{1010s}).readings.empty(); }));
}

TEST_F(NvmlTest, ADriverThatIsLoadedLateIsFound) {
  fake_.set({{"init", "!9"}});
  EXPECT_TRUE(started(fake_)->absent());
  NvmlCollector collector(paths());
  EXPECT_TRUE(collect(collector, MonotonicTime{1000s}).absent);
  EXPECT_TRUE(test::eventually([&] { return fake_.loaded(); }));
  fake_.set_card();
  fake_.set({{"init", ""}});
  EXPECT_TRUE(test::eventually([&] { return !collect(collector, MonotonicTime{1010s}).readings.empty(); }));
}

TEST_F(NvmlTest, NoDriverAndNoGpuAreAbsentAndWhatIsBrokenHasAReason) {
  for (const char* code : {"!9", "!12"}) {
    fake_.set({{"init", code}, {"count", "1"}});
    EXPECT_TRUE(started(fake_)->absent()) << code;
  }
  fake_.set({{"init", ""}, {"count", "0"}});
  EXPECT_TRUE(started(fake_)->absent());
  fake_.set({{"init", "!4"}});
  const auto refused = started(fake_);
  ASSERT_EQ(refused->errors().size(), 1u);
  EXPECT_EQ(refused->errors()[0].reason, ErrorReason::permission);
  fake_.set({{"init", "!18"}});
  const auto updated = started(fake_);
  ASSERT_EQ(updated->errors().size(), 1u);
  EXPECT_EQ(updated->errors()[0].reason, ErrorReason::missing);
  EXPECT_THAT(updated->errors()[0].where, HasSubstr("reboot"));
}

TEST_F(NvmlTest, AStartThatDoesNotEndIsATimeoutAndHoldsNobodyUp) {
  fake_.set_card();
  fake_.set({{"init", "block"}});
  const MonotonicTime before = monotonic_now();
  {
    NvmlCollector collector(paths());
    EXPECT_TRUE(collect(collector, MonotonicTime{1000s}).errors.empty());
    EXPECT_TRUE(test::eventually([&] { return fake_.blocked() == 1; }));
    const Batch late = collect(collector, MonotonicTime{1011s});
    ASSERT_EQ(late.errors.size(), 1u);
    EXPECT_EQ(late.errors[0].reason, ErrorReason::timeout);
    EXPECT_FALSE(late.absent);
  }
  EXPECT_LT(monotonic_now() - before, 5s);
  EXPECT_EQ(fake_.blocked(), 1);
  fake_.set({{"init", ""}});
  EXPECT_TRUE(test::eventually([&] { return !fake_.loaded(); })) << "the thread ends what it began";
}

TEST_F(NvmlTest, TheEndShutsDownAndUnloads) {
  fake_.set_card();
  {
    NvmlCollector collector(paths());
    (void)collect_started(collector);
    EXPECT_EQ(fake_.references(), 1);
  }
  EXPECT_TRUE(test::eventually([&] { return !fake_.loaded(); }));
  fake_.pin();
  {
    NvmlCollector collector(paths());
    (void)collect_started(collector);
    EXPECT_EQ(fake_.references(), 1);
  }
  EXPECT_TRUE(test::eventually([&] { return fake_.references() == 0; }));
}

// Jetsons

TEST_F(NvmlTest, AnOrinIsNotAskedAtAll) {
  fake_.set({{"count", "1"}, {"0.name", "Orin (nvgpu)"}, {"0.utilization", "0"}});
  NvmlCollector collector(paths_of(TEGRASCOPE_FIXTURES "/orin-nano-r36", fake_), Mode::where_sysfs_lacks);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(collect(collector, MonotonicTime{1000s + i * 20s}).absent);
  EXPECT_FALSE(fake_.loaded());
}

TEST_F(NvmlTest, WhatNvgpuAnswersIsNotBelievedWhoeverAsks) {
  const std::map<std::string, std::string> zeros{
      {"0.utilization", "0"}, {"0.memory", "0 0"},  {"0.power", "0"},       {"0.energy", "0"},
      {"0.clock", "0"},       {"0.max_clock", "0"}, {"0.temperature", "0"}, {"0.processes", "987654 77"}};
  for (const bool with_load : {true, false}) {
    const IntegratedGpu orin{true, with_load, with_load};
    fake_.set({{"count", "1"}, {"0.name", "Orin (nvgpu)"}});
    EXPECT_TRUE(started(fake_, orin)->absent()) << "NotSupported";
    fake_.set(zeros);
    EXPECT_TRUE(started(fake_, orin)->absent()) << "zeros";
    fake_.set({{"0.name", "Orin"}});
    EXPECT_TRUE(started(fake_, orin)->absent()) << "zeros without the name";
  }
  EXPECT_TRUE(started(fake_)->absent());
}

TEST_F(NvmlTest, ThorHasItsLoadFromHereAndTheRestFromSysfs) {
  const HostPaths thor = paths_of(TEGRASCOPE_FIXTURES "/agx-thor-r38", fake_);
  fake_.set({{"count", "1"},
             {"0.name", "NVIDIA Thor"},
             {"0.utilization", "97"},
             {"0.clock", "1386"},
             {"0.power", "30000"},
             {"0.temperature", "51"},
             {"0.processes", "2000 4080218931"}});
  NvmlCollector collector(thor, Mode::where_sysfs_lacks);
  const Batch batch = collect_started(collector);
  EXPECT_TRUE(batch.errors.empty()) << batch.errors.front().where;
  EXPECT_EQ(signals(batch), std::set<Signal>{Signal::gpu_utilization_ratio});
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(DoubleEq(0.97)));
  ASSERT_EQ(batch.gpu_processes.size(), 1u);
  EXPECT_EQ(batch.gpu_processes[0].memory_bytes, 4080218931u);

  GpuCollector gpu(thor);
  const Batch sysfs = collect(gpu);
  EXPECT_EQ(signals(sysfs), (std::set<Signal>{Signal::gpu_frequency_hertz, Signal::gpu_frequency_max_hertz}));
}

TEST_F(NvmlTest, ThorIsItsOwnGpuEvenIfItOnceTellsItsMemory) {
  fake_.set({{"count", "1"}, {"0.name", "NVIDIA Thor"}, {"0.memory", "131072000000 1000"}});
  const auto session = started(fake_, {true, false, true});
  ASSERT_EQ(session->gpus().size(), 1u);
  EXPECT_TRUE(session->gpus()[0].integrated);
  EXPECT_EQ(session->gpus()[0].number, "0");
}

TEST_F(NvmlTest, ACardBesideAJetsonsOwnGpuIsNumberOne) {
  TempTree board;
  board.write("sys/devices/platform/17000000.gpu/load", "0\n");
  board.write("sys/bus/pci/devices/0005:09:00.0/vendor", "0x10de\n");
  board.write("sys/bus/pci/devices/0005:09:00.0/class", "0x030000\n");
  fake_.set_card("0");
  fake_.set({{"count", "2"}, {"1.name", "Orin (nvgpu)"}, {"1.utilization", "0"}});
  NvmlCollector collector(paths_of(board.root(), fake_), Mode::where_sysfs_lacks);
  const Batch batch = collect_started(collector);
  EXPECT_EQ(count(batch, Signal::gpu_utilization_ratio), 1u);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "1"), Optional(DoubleEq(0.35)));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "gpu1"), Optional(DoubleEq(55.5)));
}

TEST_F(NvmlTest, ATreeOfAnotherMachineIsNotMixedWithTheCardsOfThisOne) {
  HostPaths other = tree_.host_paths();
  NvmlCollector collector(other, Mode::where_sysfs_lacks);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(collect(collector, MonotonicTime{1000s + i * 20s}).absent);
}

// The driver's own library, where this machine has one.
TEST(Nvml, ThisMachinesOwnLibrary) {
  std::string error;
  if (!NvmlLibrary::load({}, error)) GTEST_SKIP() << "no libnvidia-ml.so.1 here " << error;
  NvmlCollector collector(HostPaths{}, Mode::where_sysfs_lacks);
  Batch batch;
  const bool answers = test::eventually([&] {
    batch = collect(collector, monotonic_now());
    return !batch.readings.empty() || !batch.errors.empty();
  });
  if (!answers) GTEST_SKIP() << "the library is here, an NVIDIA GPU that it can read is not";
  for (const ReadError& e : batch.errors) ADD_FAILURE() << e.where;
  for (const Reading& r : batch.readings) {
    std::cout << "signal " << static_cast<int>(r.signal) << " of " << r.instance << ": " << r.value << '\n';
    EXPECT_TRUE(std::isfinite(r.value));
  }
  EXPECT_GT(count(batch, Signal::gpu_utilization_ratio), 0u);
  for (const Reading& r : batch.readings) {
    if (r.signal == Signal::gpu_utilization_ratio) {
      EXPECT_LE(r.value, 1);
    } else if (r.signal == Signal::gpu_memory_total_bytes) {
      EXPECT_GT(r.value, 1e8);
    } else if (r.signal == Signal::temperature_celsius) {
      EXPECT_GT(r.value, 5);
    }
  }
}

}  // namespace
}  // namespace tegrascope
