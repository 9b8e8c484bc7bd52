#include "collectors/nvml/nvml_library.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_nvml.hpp"

namespace tegrascope {
namespace {

using test::FakeNvml;

std::shared_ptr<NvmlLibrary> load(const FakeNvml& fake) {
  std::string error;
  auto library = NvmlLibrary::load(fake.library(), error);
  EXPECT_TRUE(library) << error;
  EXPECT_EQ(library->init(), nvml::kSuccess);
  return library;
}

nvml::Device first(const NvmlLibrary& library) { return library.device(0).value; }

TEST(NvmlLibrary, ALibraryThatIsNotThereIsNoError) {
  test::TempTree tree;
  std::string error = "before";
  EXPECT_FALSE(NvmlLibrary::load(tree.path("libnvidia-ml.so.1"), error));
  EXPECT_EQ(error, "");
}

TEST(NvmlLibrary, AFileThatIsNoLibraryIsAnErrorThatNamesIt) {
  test::TempTree tree;
  tree.write("libnvidia-ml.so.1", "no library\n");
  std::string error;
  EXPECT_FALSE(NvmlLibrary::load(tree.path("libnvidia-ml.so.1"), error));
  EXPECT_NE(error.find(tree.path("libnvidia-ml.so.1").string()), std::string::npos) << error;
}

TEST(NvmlLibrary, ReadsEveryFigure) {
  FakeNvml fake;
  fake.set_card();
  const auto library = load(fake);
  EXPECT_EQ(library->device_count().value, 1u);
  const auto device = first(*library);
  EXPECT_EQ(library->name(device).value, "NVIDIA GeForce RTX 3060");
  EXPECT_EQ(library->utilization_percent(device).value, 35u);
  EXPECT_EQ(library->memory_bytes(device).value.total, 12884901888u);
  EXPECT_EQ(library->memory_bytes(device).value.used, 1073741824u) << "without what the driver keeps";
  EXPECT_EQ(library->power_milliwatts(device).value, 55500u);
  EXPECT_EQ(library->energy_millijoules(device).value, 1000000u);
  EXPECT_EQ(library->clock_megahertz(device).value, 1777u);
  EXPECT_EQ(library->max_clock_megahertz(device).value, 2100u);
  EXPECT_EQ(library->temperature_celsius(device).value, 61) << "by nvmlDeviceGetTemperatureV";
  const auto processes = library->processes(device);
  ASSERT_EQ(processes.value.size(), 1u);
  EXPECT_EQ(processes.value[0].pid, 4711u);
  EXPECT_EQ(processes.value[0].used, 536870912u);
  EXPECT_EQ(library->error_text(nvml::kGpuIsLost), "GPU is lost");
}

TEST(NvmlLibrary, AnOldDriverIsAskedByItsOwnFunctions) {
  FakeNvml fake(TEGRASCOPE_FAKE_NVML_OLD);
  fake.set_card();
  fake.set({{"0.processes", "4711 536870912 4712 1024"}});
  const auto library = load(fake);
  EXPECT_EQ(library->device_count().value, 1u);
  const auto device = first(*library);
  EXPECT_EQ(library->memory_bytes(device).value.total, 12884901888u);
  EXPECT_EQ(library->memory_bytes(device).value.used, 1073741824u + 1000u) << "it cannot tell them apart";
  EXPECT_EQ(library->energy_millijoules(device).code, nvml::kFunctionNotFound);
  EXPECT_EQ(library->temperature_celsius(device).value, 61);
  const auto processes = library->processes(device);
  ASSERT_EQ(processes.value.size(), 2u) << "its entries are shorter";
  EXPECT_EQ(processes.value[1].pid, 4712u);
  EXPECT_EQ(processes.value[1].used, 1024u);
  EXPECT_EQ(library->error_text(nvml::kGpuIsLost), "error 15");
}

TEST(NvmlLibrary, AProcessInBothListsCountsOnceWithTheLargerFigure) {
  FakeNvml fake;
  fake.set({{"count", "1"}, {"0.processes", "1 500 2 700"}, {"0.graphics", "1 900 3 40"}});
  const auto library = load(fake);
  const auto processes = library->processes(first(*library)).value;
  ASSERT_EQ(processes.size(), 3u);
  EXPECT_EQ(processes[0].used, 900u);
  EXPECT_EQ(processes[1].used, 700u);
  EXPECT_EQ(processes[2].pid, 3u);
}

TEST(NvmlLibrary, AProcessWhoseMemoryIsNotKnownIsLeftOut) {
  FakeNvml fake;
  fake.set({{"count", "1"}, {"0.processes", "1 18446744073709551615 2 700"}});
  const auto library = load(fake);
  const auto processes = library->processes(first(*library)).value;
  ASSERT_EQ(processes.size(), 1u);
  EXPECT_EQ(processes[0].pid, 2u);
}

TEST(NvmlLibrary, ALongListIsReadWhole) {
  FakeNvml fake;
  std::string list;
  for (int pid = 1; pid <= 200; ++pid) list += std::to_string(pid) + " 1000 ";
  fake.set({{"count", "1"}, {"0.processes", list}});
  const auto library = load(fake);
  EXPECT_EQ(library->processes(first(*library)).value.size(), 200u);
}

TEST(NvmlLibrary, PassesOnWhatTheDriverSays) {
  FakeNvml fake;
  fake.set({{"count", "1"}, {"0.power", "!4"}, {"0.processes", "!4"}, {"0.utilization", "!15"}});
  const auto library = load(fake);
  const auto device = first(*library);
  EXPECT_EQ(library->power_milliwatts(device).code, nvml::kNoPermission);
  EXPECT_EQ(library->processes(device).code, nvml::kNoPermission);
  EXPECT_EQ(library->utilization_percent(device).code, nvml::kGpuIsLost);
  EXPECT_EQ(library->clock_megahertz(device).code, nvml::kNotSupported);
}

}  // namespace
}  // namespace tegrascope
