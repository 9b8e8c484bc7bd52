// What the agent knows of each Jetson module by the ids in the device tree's `compatible`. Pure; any thread.
// The ids are NVIDIA's (module part number p3767 and SKU 0005); memory bus widths are those of the modules' data
// sheets.
#pragma once

#include <string_view>

namespace tegrascope {

struct ModuleFacts {
  std::string_view name;    // "NVIDIA Jetson Orin Nano 8GB"; empty when unknown
  int memory_bus_bits = 0;  // 0 unknown
};

// `compatible`: entries separated by NUL, "nvidia,p3768-0000+p3767-0005-super". The first entry that the table
// knows decides; a SoC that has one bus width on every module gives that much.
ModuleFacts module_of(std::string_view compatible);

}  // namespace tegrascope
