#include "collectors/linux/birth_watch.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

class BirthWatchTest : public testing::Test {
 protected:
  void own_namespace() { tree_.link("proc/self", std::to_string(::getpid())); }
  void last_pid(std::string_view pid) {
    tree_.write("proc/loadavg", "0.42 0.36 0.30 1/512 " + std::string(pid) + "\n");
  }

  test::TempTree tree_;
  BirthWatch births_{tree_.path("proc")};
};

TEST_F(BirthWatchTest, SaysNoOnceNothingHasChangedTwice) {
  own_namespace();
  last_pid("900");
  EXPECT_TRUE(births_.may_have_births());
  EXPECT_TRUE(births_.may_have_births());
  EXPECT_FALSE(births_.may_have_births());
  EXPECT_FALSE(births_.may_have_births());
  last_pid("901");
  EXPECT_TRUE(births_.may_have_births());
  EXPECT_TRUE(births_.may_have_births());
  EXPECT_FALSE(births_.may_have_births());
}

TEST_F(BirthWatchTest, CannotTellOfAnotherNamespace) {
  tree_.link("proc/self", "1" + std::to_string(::getpid()));
  last_pid("900");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(births_.may_have_births());
}

TEST_F(BirthWatchTest, CannotTellWithoutAReadableNumber) {
  own_namespace();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(births_.may_have_births());
  last_pid("many");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(births_.may_have_births());
  tree_.write("proc/loadavg", "0.42 0.36 0.30 900\n");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(births_.may_have_births());
}

TEST(BirthWatch, TheKernelTellsOfAChild) {
  BirthWatch births("/proc");
  for (int i = 0; i < 3; ++i) births.may_have_births();  // others may be born at any time: nothing to expect
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  EXPECT_TRUE(births.may_have_births());
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace tegrascope
