// The simulated board as a directory tree: ROOT/proc, ROOT/sys, ROOT/etc, ROOT/var/lib and
// ROOT/usr/bin/tegrastats of an Orin Nano 8 GB with L4T R36.4.4, in the forms its kernel writes, for
// --path.rootfs. What a real board keeps from ordinary users (debugfs: EMC) is left out, as are the gated
// zones cv0 to cv2, whose temp cannot be read (EAGAIN) on the real one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "simulator/board.hpp"
#include "simulator/in_place_file.hpp"
#include "simulator/process_tree.hpp"
#include "simulator/tree_text.hpp"

namespace tegrascope::simulator {

// One thread at a time. Files that change are rewritten in place (in_place_file.hpp); tegrastats' line is
// renamed into place, since its script opens it anew each time.
class BoardTree {
 public:
  // Creates the whole tree under `root`, which may exist. Throws std::system_error naming the path.
  BoardTree(std::filesystem::path root, const ProcessTreeOptions& options, const BoardState& state);
  // Brings rails, GPU load, CPU counters and processes up to date; the slow rest (memory, temperatures,
  // tegrastats' line) when 100 ms have passed.
  void update(const BoardState& state);

  std::filesystem::path tegrastats() const;

 private:
  void write_fast(const BoardState& state);
  void write_slow(const BoardState& state);
  void write_tegrastats_line(const BoardState& state);
  void write_power_mode(const BoardState& state);

  struct Rail {
    InPlaceFile volts, amperes, shunt;
  };
  struct Zone {
    InPlaceFile file;
    double BoardState::*celsius;
    double offset;
  };

  const std::filesystem::path root_;
  const std::int64_t boot_time_unix_;
  MonotonicTime slow_written_;
  TegrastatsLine line_;
  ProcessTree processes_;
  InPlaceFile stat_, meminfo_, swaps_, uptime_, loadavg_;
  InPlaceFile gpu_load_, gpu_frequency_, gpu_limit_;
  InPlaceFile cooling_;
  int power_mode_ = -1;  // as written
  std::vector<Rail> rails_;
  InPlaceFile shunt_sum_, current_sum_;
  std::vector<Zone> zones_;
  std::vector<InPlaceFile> core_frequencies_;
};

// The files that never change. Throws like BoardTree.
void write_static_tree(const std::filesystem::path& root);

// Where the changing files of sysfs are, relative to the root.
inline constexpr const char* kGpuFolder = "sys/devices/platform/bus@0/17000000.gpu";
inline constexpr const char* kDevfreqFolder = "sys/devices/platform/bus@0/17000000.gpu/devfreq/17000000.gpu";
inline constexpr const char* kCoolingFolder = "sys/devices/virtual/thermal/cooling_device0";
inline constexpr const char* kInaFolder = "sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1";

}  // namespace tegrascope::simulator
