#include "agent/app/port_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

TEST(PortFile, ListsThePortsAndGoesWithItsOwner) {
  test::TempTree directory;
  const std::string path = (directory.root() / "ports").string();
  {
    const PortFile file(path, {11480, 11481});
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    EXPECT_EQ(text.str(), "11480\n11481\n");
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PortFile, NamesAPathThatCannotBeWritten) {
  try {
    PortFile file("/nonexistent/ports", {1});
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("/nonexistent/ports"), std::string::npos);
  }
}

}  // namespace
}  // namespace tegrascope
