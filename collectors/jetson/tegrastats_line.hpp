// One line of NVIDIA's tegrastats, as R21 (TK1) to R39 (JetPack 7.2) print it. Pure; any thread; never
// throws.
//
// Every field is optional, and what is printed depends on release, board and privilege: without root R36
// leaves out the memory controller, the engines and the GPU's clock. Tokens are separated by one or more
// blanks. A token that cannot be read, or that the line's end cut, is kept in `unread` and spoils nothing
// else. Values are in base units: MB is 2^20 and kB 2^10 bytes, MHz and mW are converted. Names are as the
// line spells them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tegrascope {

struct TegrastatsLine {
  struct Block {  // "(lfb 8x2MB)": the largest free blocks
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> count;
  };
  struct Memory {  // RAM, IRAM
    std::uint64_t used_bytes = 0;
    std::uint64_t total_bytes = 0;
    std::optional<Block> largest_free_block;
  };
  struct Swap {
    std::uint64_t used_bytes = 0;
    std::uint64_t total_bytes = 0;
    std::optional<std::uint64_t> cached_bytes;
  };
  struct Core {
    bool online = true;
    std::optional<double> utilization_ratio;
    std::optional<double> frequency_hertz;  // TX1 and TK1 print one clock for all: given to each
  };
  struct Load {  // EMC
    std::optional<double> utilization_ratio;
    std::optional<double> frequency_hertz;
  };
  struct Gpu {
    std::optional<double> utilization_ratio;  // Thor prints none
    std::vector<double> frequencies_hertz;    // one per graphics cluster; GR3D2 is the second
  };
  struct Engine {
    bool on = true;
    std::optional<double> utilization_ratio;  // of PVA's two processors the mean
    std::optional<double> frequency_hertz;
  };
  struct Temperature {
    double celsius = 0;
    std::optional<double> peak_celsius;  // R39: maximum since tegrastats started
  };
  struct Rail {
    double watts = 0;                  // below zero is real: an offset of the sensor
    std::optional<double> mean_watts;  // since tegrastats started
    std::optional<double> peak_watts;  // R39
  };
  struct Mts {  // Denver's code translation, TX2 and Xavier
    std::optional<double> foreground_ratio;
    std::optional<double> background_ratio;
  };

  std::string time;  // "YYYY-MM-DDTHH:MM:SS", the board's local time without a zone; empty before R34
  std::optional<Memory> memory;
  std::optional<Swap> swap;
  std::optional<Memory> iram;
  std::optional<std::vector<Core>> cpus;
  std::optional<Load> emc;
  std::optional<Gpu> gpu;
  std::map<std::string, Engine> engines;            // without _FREQ and _LOAD
  std::map<std::string, Temperature> temperatures;  // zones that are powered off (-256C) are left out
  std::map<std::string, Rail> rails;                // of a name that is printed twice (NC) the last
  std::optional<Mts> mts;
  std::vector<std::string> unread;
};

TegrastatsLine parse_tegrastats_line(std::string_view line);

}  // namespace tegrascope
