// The part of the simulated board's tree that never changes.
#include <fmt/format.h>

#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "simulator/board_tree.hpp"

namespace tegrascope::simulator {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.flush()) throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
}

void link(const fs::path& target, const fs::path& path) {
  fs::create_directories(path.parent_path());
  fs::remove(path);
  fs::create_symlink(target, path);
}

using namespace std::string_view_literals;

void put_system(const fs::path& root) {
  constexpr std::string_view kKernel = "5.15.148-tegra";
  put(root / "proc/version",
      fmt::format(
          "Linux version {} (buildbrain@mobile-u64) (aarch64-buildroot-linux-gnu-gcc.br_real (Buildroot) "
          "11.3.0, GNU ld (GNU Binutils) 2.38) #1 SMP PREEMPT Mon Jun 16 08:24:48 PDT 2025\n",
          kKernel));
  put(root / "proc/sys/kernel/osrelease", fmt::format("{}\n", kKernel));
  put(root / "etc/nv_tegra_release",
      "# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64, DATE: Mon Jun 16 "
      "16:07:13 UTC "
      "2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n"
      "TARGET_USERSPACE_LIB_DIR_PATH=usr/lib/aarch64-linux-gnu/nvidia\n");
  put(root / "etc/nvpmodel.conf",
      "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=25W >\nCPU_ONLINE CORE_0 "
      "1\n"
      "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=3 NAME=7W >\nCPU_ONLINE "
      "CORE_0 1\n"
      "< PM_CONFIG DEFAULT=1 >\n");
  const fs::path tree = root / "sys/firmware/devicetree/base";
  put(tree / "model", "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0"sv);
  put(tree / "compatible", "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0"sv);
  put(tree / "bus@0/gpu@17000000/name", "gpu\0"sv);
  put(tree / "bus@0/gpu@17000000/compatible", "nvidia,ga10b\0"sv);
  link("../sys/firmware/devicetree/base", root / "proc/device-tree");
}

void put_gpu(const fs::path& root) {
  const fs::path gpu = root / kGpuFolder;
  link("../../../../firmware/devicetree/base/bus@0/gpu@17000000", gpu / "of_node");
  put(gpu / "power/runtime_status", "active\n");
  put(gpu / "power/control", "auto\n");
  put(gpu / "railgate_enable", "1\n");
  const fs::path devfreq = root / kDevfreqFolder;
  put(devfreq / "min_freq", "306000000\n");
  put(devfreq / "available_frequencies",
      "306000000 408000000 510000000 612000000 714000000 816000000 918000000 1020000000\n");
  put(devfreq / "governor", "nvhost_podgov\n");
  link("../../../17000000.gpu", devfreq / "device");
  link("../../devices/platform/bus@0/17000000.gpu/devfreq/17000000.gpu",
       root / "sys/class/devfreq/17000000.gpu");
  link("../../../devices/platform/bus@0/17000000.gpu", root / "sys/bus/platform/devices/17000000.gpu");
}

void put_power(const fs::path& root) {
  const fs::path ina = root / kInaFolder;
  put(ina / "name", "ina3221\n");
  int channel = 0;
  for (const char* label : {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"}) {
    ++channel;
    put(ina / fmt::format("in{}_label", channel), fmt::format("{}\n", label));
    put(ina / fmt::format("in{}_enable", channel), "1\n");
    put(ina / fmt::format("shunt{}_resistor", channel), "5000\n");
    put(ina / fmt::format("curr{}_max", channel), "4984\n");
    put(ina / fmt::format("curr{}_crit", channel), "4984\n");
  }
  put(ina / "in7_label", "sum of shunt voltages\n");
  put(ina / "samples", "1\n");
  put(ina / "update_interval", "6\n");
  link("../../../../../../bus/i2c/drivers/ina3221",
       root / "sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/driver");
  link("../../devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1", root / "sys/class/hwmon/hwmon1");
  link("../../../../devices/platform/bus@0/c240000.i2c/i2c-1/1-0040",
       root / "sys/bus/i2c/drivers/ina3221/1-0040");
  const fs::path fan = root / "sys/class/hwmon/hwmon0";
  put(fan / "name", "pwmfan\n");
  put(fan / "pwm1", "88\n");
  put(fan / "pwm1_enable", "2\n");
  const fs::path current = root / "sys/class/hwmon/hwmon2";
  put(current / "name", "soctherm_oc\n");
  for (int i = 1; i <= 3; ++i) {
    put(current / fmt::format("oc{}_event_cnt", i), "0\n");
    put(current / fmt::format("oc{}_throt_en", i), "1\n");
  }
}

void put_cpu(const fs::path& root) {
  const fs::path cpu = root / "sys/devices/system/cpu";
  for (const char* name : {"online", "present", "possible"}) put(cpu / name, "0-5\n");
  for (int i = 0; i < kBoardCores; ++i) {
    const fs::path core = cpu / fmt::format("cpu{}", i);
    put(core / "online", "1\n");
    put(core / "cpufreq/scaling_min_freq", "729600\n");
    put(core / "cpufreq/scaling_max_freq", "1728000\n");
    put(core / "cpufreq/cpuinfo_max_freq", "1728000\n");
    put(core / "cpufreq/scaling_governor", "schedutil\n");
  }
}

void put_thermal(const fs::path& root) {
  int number = 0;
  for (const char* type : {"cpu", "gpu", "cv0", "cv1", "cv2", "soc0", "soc1", "soc2", "tj"}) {
    const std::string zone = fmt::format("thermal_zone{}", number++);
    put(root / "sys/devices/virtual/thermal" / zone / "type", fmt::format("{}-thermal\n", type));
    link(fs::path("../../devices/virtual/thermal") / zone, root / "sys/class/thermal" / zone);
  }
}

void put_cooling(const fs::path& root) {
  put(root / kCoolingFolder / "type", "devfreq-17000000.gpu\n");
  put(root / kCoolingFolder / "max_state", "7\n");
  link("../../devices/virtual/thermal/cooling_device0", root / "sys/class/thermal/cooling_device0");
}

void put_tegrastats(const fs::path& root) {
  const fs::path path = root / "usr/bin/tegrastats";
  // The sleep has no part in the output pipe: a reader sees its end as soon as the script is killed.
  put(path, R"(#!/bin/sh
# tegrastats of the simulated board: prints its current line every --interval milliseconds (1000) until killed.
interval=1000
while [ $# -gt 0 ]; do
  case $1 in
    --interval) interval=$2; shift ;;
  esac
  shift
done
line_file=$(dirname "$0")/../../run/tegrastats.line
pause=$((interval / 1000)).$(printf %03d $((interval % 1000)))
while :; do
  sleep "$pause" </dev/null >/dev/null 2>&1
  { IFS= read -r line <"$line_file"; } 2>/dev/null || exit 1
  printf '%s\n' "$line" || exit 1
done
)");
  fs::permissions(path, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                            fs::perms::others_read | fs::perms::others_exec);
}

}  // namespace

void write_static_tree(const fs::path& root) {
  put_system(root);
  put_gpu(root);
  put_power(root);
  put_cpu(root);
  put_thermal(root);
  put_cooling(root);
  put_tegrastats(root);
}

}  // namespace tegrascope::simulator
