#include "agent/app/storage_directory.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

std::string chosen(const Config& config, bool root, const std::map<std::string, std::string>& environment) {
  return storage_directory(config, root, [&](const char* name) {
    const auto it = environment.find(name);
    return it == environment.end() ? std::nullopt : std::optional(it->second);
  });
}

const std::map<std::string, std::string> kHome{{"HOME", "/home/a"}};

TEST(StorageDirectory, FollowsSystemdThenTheUser) {
  const Config config;
  EXPECT_EQ(chosen(config, false, {{"STATE_DIRECTORY", "/var/lib/x:/var/lib/y"}, {"HOME", "/home/a"}}),
            "/var/lib/x");
  EXPECT_EQ(chosen(config, false, {{"XDG_STATE_HOME", "/s"}, {"HOME", "/home/a"}}), "/s/tegrascope");
  EXPECT_EQ(chosen(config, false, {{"XDG_STATE_HOME", "relative"}, {"HOME", "/home/a"}}),
            "/home/a/.local/state/tegrascope");
  EXPECT_EQ(chosen(config, false, kHome), "/home/a/.local/state/tegrascope");
  EXPECT_EQ(chosen(config, true, kHome), "/var/lib/tegrascope");
  EXPECT_EQ(chosen(config, false, {}), "");
}

TEST(StorageDirectory, IsWhatTheFlagSays) {
  Config config;
  config.storage_path = "/data/t";
  EXPECT_EQ(chosen(config, false, kHome), "/data/t");
  for (const char* nothing : {"none", ""}) {
    config.storage_path = nothing;
    EXPECT_EQ(chosen(config, true, kHome), "");
  }
}

TEST(StorageDirectory, OfAnotherMachineNothingIsKeptUnlessAsked) {
  test::TempTree tree;
  tree.write("proc/sys/kernel/random/boot_id", "another\n");
  Config config;
  config.paths = tree.host_paths();
  EXPECT_EQ(chosen(config, false, kHome), "");
  tree.remove("proc/sys");
  EXPECT_EQ(chosen(config, false, kHome), "");
  config.storage_path = "/data/t";
  EXPECT_EQ(chosen(config, false, kHome), "/data/t");
  Config host;  // as a container mounts it
  host.paths.procfs = "/proc/self/../";
  EXPECT_EQ(chosen(host, false, kHome), "/home/a/.local/state/tegrascope");
}

}  // namespace
}  // namespace tegrascope
