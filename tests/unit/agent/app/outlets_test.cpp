#include "agent/app/outlets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

TEST(Outlets, AFlightRecorderOnlyWithAStateDirectoryOfItsOwn) {
  test::TempTree tree;
  Config config;
  config.storage_path = tree.root().string();
  Outbound outbound;
  Outlets with(config, outbound, "jetson", tree.root());
  EXPECT_EQ(with.keepers().size(), 1u);
  EXPECT_TRUE(with.incidents());
  Outlets without(config, outbound, "jetson", {});
  EXPECT_TRUE(without.keepers().empty());
  EXPECT_FALSE(without.incidents());
}

std::string refusal(const Config& config) {
  try {
    check_outlets(config);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(CheckOutlets, RefusesASecretThatTheAgentCouldNotUse) {
  test::TempTree tree;
  Config config;
  EXPECT_EQ(refusal(config), "");
  config.events_web_hook_secret_file = (tree.root() / "secret").string();
  EXPECT_THAT(refusal(config), HasSubstr("--events.webhook-secret-file"));
  tree.write("secret", "s3cret\n");
  EXPECT_THAT(refusal(config), HasSubstr("chmod o-rwx"));
  std::filesystem::permissions(tree.root() / "secret", std::filesystem::perms::owner_read);
  EXPECT_EQ(refusal(config), "");
}

TEST(CheckOutlets, LooksAtTheRecordingAndChangesNothing) {
  test::TempTree tree;
  Config config;
  config.record = (tree.root() / "nowhere" / "r.jsonl").string();
  EXPECT_THAT(refusal(config), HasSubstr("No such file or directory; name a file in a folder"));
  config.record = tree.root().string();
  EXPECT_THAT(refusal(config), HasSubstr("Is a directory"));
  tree.write("letter.txt", "Dear Jetson");
  config.record = (tree.root() / "letter.txt").string();
  EXPECT_THAT(refusal(config), HasSubstr("no recording"));
  config.record = (tree.root() / "r.jsonl").string();
  EXPECT_EQ(refusal(config), "");
  EXPECT_FALSE(std::filesystem::exists(config.record));
  DiskThread disk;
  const RecordingFile writes(config.record, 1u << 30, disk);
  EXPECT_EQ(refusal(config), "") << "the agent that runs may write it";
}

}  // namespace
}  // namespace tegrascope
