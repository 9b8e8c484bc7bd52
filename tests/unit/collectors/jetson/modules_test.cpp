#include "collectors/jetson/modules.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::string_view_literals;

TEST(Modules, ByTheIdsOfCompatible) {
  struct Case {
    std::string_view compatible, name;
    int bits;
  };
  for (const Case& c :
       {Case{"nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234"sv,
             "NVIDIA Jetson Orin Nano 8GB", 128},
        Case{"nvidia,p3768-0000+p3767-0003\0nvidia,p3768-0000+p3767-0005\0nvidia,tegra234"sv,
             "NVIDIA Jetson Orin Nano 8GB", 128},
        Case{"nvidia,p3768-0000+p3767-0004\0nvidia,tegra234"sv, "NVIDIA Jetson Orin Nano 4GB", 64},
        Case{"nvidia,p3768-0000+p3767-0001\0nvidia,tegra234"sv, "NVIDIA Jetson Orin NX 8GB", 128},
        Case{"nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234"sv,
             "NVIDIA Jetson AGX Orin 64GB", 256},
        Case{"nvidia,p4071-0000+p3834-0008\0nvidia,p3834-0008\0nvidia,tegra264"sv, "NVIDIA Jetson AGX Thor",
             256},
        Case{"nvidia,p3509-0000+p3668-0001\0nvidia,tegra194"sv, "NVIDIA Jetson Xavier NX", 128},
        Case{"nvidia,p2972-0000\0nvidia,tegra194"sv, "NVIDIA Jetson AGX Xavier", 256},
        Case{"nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210"sv,
             "NVIDIA Jetson Nano", 64},
        Case{"nvidia,p9999-0000\0nvidia,tegra264"sv, "", 256},
        Case{"nvidia,p9999-0000\0nvidia,tegra234\0nvidia,tegra23x"sv, "", 0}, Case{"", "", 0},
        Case{"acme,p3767-0005"sv, "", 0}}) {
    EXPECT_EQ(module_of(c.compatible).name, c.name) << c.compatible;
    EXPECT_EQ(module_of(c.compatible).memory_bus_bits, c.bits) << c.compatible;
  }
}

}  // namespace
}  // namespace tegrascope
