#include "collectors/ollama/device_nodes.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kNodes{"nvmap",     "nvhost-ctrl-gpu", "nvgpu/igpu0/ctrl",
                                                 "nvidiactl", "nvidia0",         "nvidia-uvm"};
constexpr std::uint64_t kDacOverride = std::uint64_t{1} << 1U;  // CAP_DAC_OVERRIDE

struct User {
  std::uint32_t uid = 0;
  std::vector<std::uint32_t> groups;
  std::uint64_t capabilities = 0;
};

std::optional<User> parse_user(std::string_view status) {
  std::optional<User> user;
  std::vector<std::uint32_t> groups;
  std::uint64_t capabilities = 0;
  for_each_part(status, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.size() < 2) return;
    // Uid and Gid: real, effective, saved, of the file system.
    if (fields[0] == "Uid:" && fields.size() > 2) {
      if (const auto uid = to_integer<std::uint32_t>(fields[2])) user = User{*uid, {}, 0};
    } else if ((fields[0] == "Gid:" && fields.size() > 2)) {
      if (const auto gid = to_integer<std::uint32_t>(fields[2])) groups.push_back(*gid);
    } else if (fields[0] == "Groups:") {
      for (std::size_t i = 1; i < fields.size(); ++i)
        if (const auto gid = to_integer<std::uint32_t>(fields[i])) groups.push_back(*gid);
    } else if (fields[0] == "CapEff:") {
      std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), capabilities, 16);
    }
  });
  if (!user) return std::nullopt;
  user->groups = std::move(groups);
  user->capabilities = capabilities;
  return user;
}

bool may_open(const User& user, const struct stat& node) {
  if ((user.capabilities & kDacOverride) != 0) return true;
  unsigned bits = node.st_mode & 7U;
  if (node.st_uid == user.uid) {
    bits = (node.st_mode >> 6U) & 7U;
  } else if (std::find(user.groups.begin(), user.groups.end(), node.st_gid) != user.groups.end()) {
    bits = (node.st_mode >> 3U) & 7U;
  }
  return (bits & 6U) == 6U;
}

}  // namespace

std::string missing_device_nodes(const fs::path& dev, bool jetson) {
  const auto has = [&](std::string_view node) { return is_present(dev / node); };
  const bool own = has("nvgpu/igpu0/ctrl") || has("nvhost-ctrl-gpu");
  const bool card = has("nvidia0") && has("nvidiactl");
  if (card || has("dxg")) return {};
  if (!jetson) return "/dev/nvidia0";
  if (!own) return "/dev/nvgpu, /dev/nvhost-ctrl-gpu or /dev/nvidia0";
  return has("nvmap") ? std::string() : "/dev/nvmap";
}

std::string denied_device_nodes(const fs::path& dev, std::string_view status) {
  const auto user = parse_user(status);
  std::string denied;
  for (const std::string_view node : kNodes) {
    const fs::path path = dev / node;
    const WatchedRead watched(path);
    struct stat info {};
    if (!user || watched.refused() || ::stat(path.c_str(), &info) != 0 || may_open(*user, info)) continue;
    denied += (denied.empty() ? "/dev/" : ", /dev/") + std::string(node);
  }
  return denied;
}

}  // namespace tegrascope
