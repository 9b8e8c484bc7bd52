#include "collectors/jetson/modules.hpp"

#include <array>

namespace tegrascope {
namespace {

struct Row {
  std::string_view id;
  ModuleFacts facts;
};
// Where `compatible` carries no module but the developer kit's board (p2972, p2771, p2371-2180), the board decides.
constexpr std::array kTable{Row{"p3834-0008", {"NVIDIA Jetson AGX Thor", 256}},
                            Row{"p3834", {"NVIDIA Jetson Thor", 256}},
                            Row{"p3767-0000", {"NVIDIA Jetson Orin NX 16GB", 128}},
                            Row{"p3767-0001", {"NVIDIA Jetson Orin NX 8GB", 128}},
                            Row{"p3767-0003", {"NVIDIA Jetson Orin Nano 8GB", 128}},
                            Row{"p3767-0004", {"NVIDIA Jetson Orin Nano 4GB", 64}},
                            Row{"p3767-0005", {"NVIDIA Jetson Orin Nano 8GB", 128}},
                            Row{"p3701-0000", {"NVIDIA Jetson AGX Orin", 256}},
                            Row{"p3701-0004", {"NVIDIA Jetson AGX Orin 32GB", 256}},
                            Row{"p3701-0005", {"NVIDIA Jetson AGX Orin 64GB", 256}},
                            Row{"p3701", {"NVIDIA Jetson AGX Orin", 256}},
                            Row{"p3668-0003", {"NVIDIA Jetson Xavier NX 16GB", 128}},
                            Row{"p3668", {"NVIDIA Jetson Xavier NX", 128}},
                            Row{"p2888", {"NVIDIA Jetson AGX Xavier", 256}},
                            Row{"p2972-0000", {"NVIDIA Jetson AGX Xavier", 256}},
                            Row{"p3448-0003", {"NVIDIA Jetson Nano 2GB", 64}},
                            Row{"p3448", {"NVIDIA Jetson Nano", 64}},
                            Row{"p3636-0001", {"NVIDIA Jetson TX2 NX", 128}},
                            Row{"p3489-0000", {"NVIDIA Jetson TX2i", 128}},
                            Row{"p3489-0888", {"NVIDIA Jetson TX2 4GB", 128}},
                            Row{"p3310", {"NVIDIA Jetson TX2", 128}},
                            Row{"p2771-0000", {"NVIDIA Jetson TX2", 128}},
                            Row{"p2180", {"NVIDIA Jetson TX1", 64}},
                            Row{"p2371-2180", {"NVIDIA Jetson TX1", 64}},
                            Row{"tegra264", {"", 256}},
                            Row{"tegra186", {"", 128}},
                            Row{"tegra210", {"", 64}}};

}  // namespace

ModuleFacts module_of(std::string_view compatible) {
  while (true) {
    const auto end = compatible.find('\0');
    const std::string_view entry = compatible.substr(0, end);
    if (entry.find("nvidia,") == 0)
      for (const Row& row : kTable)
        if (entry.find(row.id) != std::string_view::npos) return row.facts;
    if (end == std::string_view::npos) return {};
    compatible.remove_prefix(end + 1);
  }
}

}  // namespace tegrascope
