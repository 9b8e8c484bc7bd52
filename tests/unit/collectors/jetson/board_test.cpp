#include "collectors/jetson/board.hpp"

#include <gtest/gtest.h>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::string_literals;

TEST(L4tRelease, Forms) {
  EXPECT_EQ(
      parse_l4t_release("# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64\n"),
      "36.4.4");
  EXPECT_EQ(parse_l4t_release("# R35 (release), REVISION: 3.1, GCID: 32827747, BOARD: t186ref"), "35.3.1");
  EXPECT_EQ(parse_l4t_release("# R32 (release), REVISION: 7.1, GCID: 29818004"), "32.7.1");
  for (const char* bad : {"", "R36", "# R (release), REVISION: 4.4", "# R36 (release)", "# R36, REVISION: x"})
    EXPECT_EQ(parse_l4t_release(bad), "") << bad;
}

TEST(Jetpack, ByRelease) {
  EXPECT_EQ(jetpack_of("32.7.1"), "4.6.1");
  EXPECT_EQ(jetpack_of("35.3.1"), "5.1.1");
  EXPECT_EQ(jetpack_of("36.3"), "6.0");
  EXPECT_EQ(jetpack_of("36.3.0"), "6.0");
  EXPECT_EQ(jetpack_of("36.4.4"), "6.2.1");
  EXPECT_EQ(jetpack_of("32.1.0"), "4.2");
  EXPECT_EQ(jetpack_of("38.4.0"), "7.1");
  EXPECT_EQ(jetpack_of("39.2.1"), "7.2.1");
  EXPECT_EQ(jetpack_of("99.1"), "");
  EXPECT_EQ(jetpack_of(""), "");
}

TEST(ReadBoard, OrinNano) {
  test::TempTree tree;
  tree.write("sys/firmware/devicetree/base/model", "NVIDIA Orin Nano Developer Kit\0"s);
  tree.write("sys/firmware/devicetree/base/compatible",
             "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0nvidia,tegra23x\0"s);
  tree.write("etc/nv_tegra_release", "# R36 (release), REVISION: 4.4, GCID: 1\n# KERNEL_VARIANT: oot\n");
  tree.write("proc/sys/kernel/osrelease", "5.15.148-tegra\n");
  const auto board = read_board(tree.host_paths());
  ASSERT_TRUE(board);
  EXPECT_EQ(board->module, "NVIDIA Jetson Orin Nano 8GB");
  EXPECT_EQ(board->memory_bus_bits, 128);
  EXPECT_EQ(board->soc, "tegra234");
  EXPECT_EQ(board->l4t, "36.4.4");
  EXPECT_EQ(board->jetpack, "6.2.1");
  EXPECT_EQ(board->kernel, "5.15.148-tegra");
  EXPECT_TRUE(board->jetson);
  EXPECT_TRUE(gpu_present(tree.host_paths()));
}

TEST(ReadBoard, DeviceTreeUnderProc) {
  test::TempTree tree;
  tree.write("proc/device-tree/compatible", "nvidia,p3834-0008\0nvidia,tegra264\0"s);
  EXPECT_EQ(read_board(tree.host_paths())->soc, "tegra264");
}

TEST(ReadBoard, AModuleNotInTheTableGoesByItsModel) {
  test::TempTree tree;
  tree.write("sys/firmware/devicetree/base/model", "NVIDIA Jetson Orin Mega\0"s);
  tree.write("sys/firmware/devicetree/base/compatible", "nvidia,p9999-0000\0nvidia,tegra234\0"s);
  const auto board = read_board(tree.host_paths());
  EXPECT_EQ(board->module, "NVIDIA Jetson Orin Mega");
  EXPECT_TRUE(board->jetson);
  EXPECT_EQ(board->memory_bus_bits, 0);
}

TEST(ReadBoard, InAContainerProcLeadsNowhere) {
  test::TempTree tree;
  tree.write("sys/firmware/devicetree/base/compatible", "nvidia,p3834-0008\0nvidia,tegra264\0"s);
  tree.link("proc/device-tree", "/no/such/firmware/devicetree/base");
  EXPECT_EQ(read_board(tree.host_paths())->module, "NVIDIA Jetson AGX Thor");
  EXPECT_TRUE(is_jetson(tree.host_paths()));
}

TEST(ReadBoard, Pc) {
  test::TempTree tree;
  tree.write("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  const auto board = read_board(tree.host_paths());
  ASSERT_TRUE(board);
  EXPECT_FALSE(board->jetson);
  EXPECT_EQ(board->kernel, "6.1.0-18-amd64");
  EXPECT_EQ(board->module, "");
  EXPECT_FALSE(gpu_present(tree.host_paths()));
}

TEST(ReadBoard, AnotherArmBoard) {
  test::TempTree tree;
  tree.write("sys/firmware/devicetree/base/model", "Raspberry Pi 5 Model B Rev 1.0\0"s);
  tree.write("sys/firmware/devicetree/base/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0"s);
  EXPECT_FALSE(read_board(tree.host_paths())->jetson);
  EXPECT_EQ(read_board(tree.host_paths())->module, "Raspberry Pi 5 Model B Rev 1.0");
}

TEST(GpuPresent, OnThePciBusOrByDriver) {
  test::TempTree tree;
  tree.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  tree.write("sys/bus/pci/devices/0000:01:00.0/class", "0x040300\n");  // its audio function
  EXPECT_FALSE(gpu_present(tree.host_paths()));
  tree.write("sys/bus/pci/devices/0000:01:00.1/vendor", "0x8086\n");
  tree.write("sys/bus/pci/devices/0000:01:00.1/class", "0x030000\n");
  EXPECT_FALSE(gpu_present(tree.host_paths()));
  tree.write("sys/bus/pci/devices/0000:02:00.0/vendor", "0x10de\n");
  tree.write("sys/bus/pci/devices/0000:02:00.0/class", "0x030200\n");
  EXPECT_TRUE(gpu_present(tree.host_paths()));
  test::TempTree driver;
  driver.write("proc/driver/nvidia/version", "NVRM version\n");
  EXPECT_TRUE(gpu_present(driver.host_paths()));
}

}  // namespace
}  // namespace tegrascope
