#include "agent/app/permissions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tegrascope {
namespace {

using testing::HasSubstr;

TEST(Permissions, TheGrantFitsThePath) {
  EXPECT_THAT(std::string(grant_for("emc", "/host/sys/kernel/debug/cactmon/mc_all")),
              HasSubstr("CAP_DAC_READ_SEARCH"));
  EXPECT_THAT(std::string(grant_for("processes", "/proc/812/cmdline")), HasSubstr("CAP_SYS_PTRACE"));
  EXPECT_THAT(std::string(grant_for("thermal", "/sys/class/thermal/thermal_zone0/temp")),
              HasSubstr("chmod o+r"));
}

TEST(Permissions, TheDocumentRepeatsEveryRow) {
  std::ifstream file(TEGRASCOPE_SOURCE_DIR "/docs/permissions.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (const Permission& permission : permissions()) {
    EXPECT_THAT(text.str(), HasSubstr(std::string(permission.grant)));
    EXPECT_THAT(text.str(), HasSubstr(std::string(permission.paths)));
  }
}

}  // namespace
}  // namespace tegrascope
