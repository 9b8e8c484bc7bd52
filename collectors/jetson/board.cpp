#include "collectors/jetson/board.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "collectors/jetson/modules.hpp"
#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

using Release = std::pair<std::string_view, std::string_view>;
constexpr std::array kReleases{
    Release{"32.1", "4.2"},      Release{"32.2.0", "4.2.1"},    Release{"32.2.1", "4.2.2"},
    Release{"32.2.3", "4.2.3"},  Release{"32.3.1", "4.3"},      Release{"32.4.2", "4.4 DP"},
    Release{"32.4.3", "4.4"},    Release{"32.4.4", "4.4.1"},    Release{"32.5.0", "4.5"},
    Release{"32.5.1", "4.5.1"},  Release{"32.5.2", "4.5.1"},    Release{"32.6.1", "4.6"},
    Release{"32.7.1", "4.6.1"},  Release{"32.7.2", "4.6.2"},    Release{"32.7.3", "4.6.3"},
    Release{"32.7.4", "4.6.4"},  Release{"32.7.5", "4.6.5"},    Release{"32.7.6", "4.6.6"},
    Release{"34.1.0", "5.0 DP"}, Release{"34.1.1", "5.0.1 DP"}, Release{"35.1.0", "5.0.2"},
    Release{"35.2.1", "5.1"},    Release{"35.3.1", "5.1.1"},    Release{"35.4.1", "5.1.2"},
    Release{"35.5.0", "5.1.3"},  Release{"35.6.0", "5.1.4"},    Release{"35.6.1", "5.1.5"},
    Release{"36.2.0", "6.0 DP"}, Release{"36.3.0", "6.0"},      Release{"36.4.0", "6.1"},
    Release{"36.4.3", "6.2"},    Release{"36.4.4", "6.2.1"},    Release{"36.4.7", "6.2.1"},
    Release{"38.2.0", "7.0"},    Release{"38.2.1", "7.0"},      Release{"38.4.0", "7.1"},
    Release{"39.2.0", "7.2"},    Release{"39.2.1", "7.2.1"}};

// "nvidia,tegra234" as "tegra234"; entries such as "nvidia,tegra23x" name a family.
std::string soc_of(std::string_view compatible) {
  std::string soc;
  for_each_part(compatible, '\0', [&](std::string_view entry) {
    if (!soc.empty() || !remove_prefix(entry, "nvidia,tegra")) return;
    if (to_integer<int>(entry)) soc = "tegra" + std::string(entry);
  });
  return soc;
}

std::string device_tree(const HostPaths& paths, std::string_view property) {
  std::string text = read_once(paths.sysfs / "firmware/devicetree/base" / property);
  return text.empty() ? read_once(paths.procfs / "device-tree" / property) : text;
}

}  // namespace

std::string parse_l4t_release(std::string_view text) {
  text = trim(text.substr(0, text.find('\n')));
  if (!remove_prefix(text, "# R")) return {};
  const std::string_view major = text.substr(0, text.find_first_not_of("0123456789"));
  constexpr std::string_view kRevision = "REVISION: ";
  const auto at = text.find(kRevision);
  if (major.empty() || at == std::string_view::npos) return {};
  text.remove_prefix(at + kRevision.size());
  const std::string_view revision = text.substr(0, text.find_first_not_of("0123456789."));
  if (revision.empty()) return {};
  return std::string(major).append(".").append(revision);
}

std::string jetpack_of(std::string_view l4t) {
  // NVIDIA writes the same release as 36.3 and 36.3.0.
  const auto same = [l4t](std::string_view release) {
    if (l4t == release) return true;
    if (remove_suffix(release, ".0")) return l4t == release;
    return std::string(release).append(".0") == l4t;
  };
  const auto found =
      std::find_if(kReleases.begin(), kReleases.end(), [&](const Release& r) { return same(r.first); });
  return found == kReleases.end() ? std::string() : std::string(found->second);
}

std::optional<BoardIdentity> read_board(const HostPaths& paths) {
  BoardIdentity board;
  const std::string compatible = device_tree(paths, "compatible");
  board.soc = soc_of(compatible);
  board.jetson = !board.soc.empty();
  const ModuleFacts module = module_of(compatible);
  board.module = module.name.empty() ? device_tree(paths, "model") : std::string(module.name);
  board.memory_bus_bits = module.memory_bus_bits;
  board.l4t = parse_l4t_release(read_once(paths.rootfs / "etc/nv_tegra_release"));
  board.jetpack = jetpack_of(board.l4t);
  board.kernel = read_once(paths.procfs / "sys/kernel/osrelease");
  return board;
}

bool is_jetson(const HostPaths& paths) { return !soc_of(device_tree(paths, "compatible")).empty(); }

bool has_nvidia_card(const HostPaths& paths) {
  const auto devices = paths.sysfs / "bus/pci/devices";
  for (const std::string& entry : list_directory(devices))
    if (read_once(devices / entry / "vendor") == "0x10de" &&
        read_once(devices / entry / "class").starts_with("0x03"))
      return true;
  return false;
}

bool gpu_present(const HostPaths& paths) {
  return is_jetson(paths) || has_nvidia_card(paths) || is_present(paths.procfs / "driver/nvidia");
}

}  // namespace tegrascope
