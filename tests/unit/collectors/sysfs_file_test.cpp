#include "collectors/sysfs_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/no_root_rights.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMin = -1'000'000;
constexpr std::int64_t kMax = 1'000'000;

class SysfsFileTest : public testing::Test {
 protected:
  SysfsFile file(std::string_view text) {
    tree_.write("value", text);
    return SysfsFile(tree_.path("value"));
  }
  ReadResult<std::int64_t> integer(std::string_view text) { return file(text).read_integer(kMin, kMax); }

  test::TempTree tree_;
};

TEST_F(SysfsFileTest, ReadsAnIntegerWithItsTime) {
  const MonotonicTime before = monotonic_now();
  const auto value = integer("47500\n");
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 47500);
  EXPECT_GE(value.at(), before);
  EXPECT_LE(value.at(), monotonic_now());
}

TEST_F(SysfsFileTest, ReadsWithoutNewlineAndNegative) {
  EXPECT_EQ(*integer("47500"), 47500);
  EXPECT_EQ(*integer("-398\n"), -398);
  EXPECT_EQ(*integer("0\n"), 0);
}

TEST_F(SysfsFileTest, GarbageIsAParseErrorThatQuotesIt) {
  for (const std::string_view text : {"", "\n", "12 34", "0x10", "1e3", "12.5", "abc", "--1"}) {
    const auto value = integer(text);
    ASSERT_FALSE(value) << text;
    ASSERT_TRUE(value.failed_with(ErrorReason::parse)) << text;
    EXPECT_THAT(value.error()->where, HasSubstr(tree_.path("value").string()));
  }
  EXPECT_THAT(integer("hot stuff\n").error()->where, HasSubstr("'hot stuff'"));
}

TEST_F(SysfsFileTest, LongGarbageIsCutInTheError) {
  const auto value = integer(std::string(1000, 'x'));
  ASSERT_TRUE(value.failed_with(ErrorReason::parse));
  EXPECT_THAT(value.error()->where, HasSubstr("'" + std::string(64, 'x') + "...'"));
}

TEST_F(SysfsFileTest, OverflowAndImplausibleAreRangeErrors) {
  EXPECT_TRUE(integer("99999999999999999999999\n").failed_with(ErrorReason::range));
  EXPECT_TRUE(integer("1000001\n").failed_with(ErrorReason::range));
  EXPECT_TRUE(integer("-1000001\n").failed_with(ErrorReason::range));
}

TEST_F(SysfsFileTest, AGatedBlockIsUnavailable) {
  for (const std::string_view text : {"(EAGAIN)", "(ENODATA)", "(ENXIO)", "(EOPNOTSUPP)"}) {
    const auto value = integer(text);
    EXPECT_FALSE(value) << text;
    EXPECT_TRUE(value.failed_with(ErrorReason::unavailable)) << text;
  }
  EXPECT_THAT(integer("(ENODATA)").error()->where, HasSubstr("No data available"));
}

TEST_F(SysfsFileTest, ErrorsOfTheKernelHaveTheirReason) {
  EXPECT_TRUE(integer("(EIO)").failed_with(ErrorReason::missing));
  EXPECT_TRUE(integer("(EACCES)").failed_with(ErrorReason::permission));
  EXPECT_TRUE(integer("(ETIMEDOUT)").failed_with(ErrorReason::timeout));
  EXPECT_TRUE(integer("(ENODEV)").failed_with(ErrorReason::missing));
  EXPECT_THAT(integer("(EACCES)").error()->where, HasSubstr("run as root"));
}

TEST_F(SysfsFileTest, NoPermissionToOpen) {
  SysfsFile sensor = file("1\n");
  std::filesystem::permissions(tree_.path("value"), std::filesystem::perms::none);
  const test::NoRootRights no_rights;
  EXPECT_TRUE(sensor.read_integer(kMin, kMax).failed_with(ErrorReason::permission));
}

TEST_F(SysfsFileTest, StaysOpenAndSeesNewText) {
  SysfsFile sensor = file("1\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 1);
  tree_.write("value", "2\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 2);
}

TEST_F(SysfsFileTest, OpensAgainWhenReplaced) {
  SysfsFile sensor = file("1\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 1);
  tree_.replace("value", "2\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 2);
}

TEST_F(SysfsFileTest, VanishedIsMissingUntilItComesBack) {
  SysfsFile sensor = file("1\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 1);
  tree_.remove("value");
  const auto gone = sensor.read_integer(kMin, kMax);
  EXPECT_TRUE(gone.failed_with(ErrorReason::missing));
  EXPECT_THAT(gone.error()->where, HasSubstr("No such file"));
  tree_.write("value", "3\n");
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 3);
}

TEST_F(SysfsFileTest, OpensAgainWhenItsDescriptorWasClosed) {
  SysfsFile sensor = file("1\n");
  const int next = ::dup(0);
  ::close(next);
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 1);  // opened as `next`
  ::close(next);
  EXPECT_EQ(*sensor.read_integer(kMin, kMax), 1);
}

TEST_F(SysfsFileTest, RefusesAFifoWithoutBlocking) {
  tree_.make_fifo("value");
  SysfsFile sensor(tree_.path("value"));
  const auto value = sensor.read_integer(kMin, kMax);
  EXPECT_TRUE(value.failed_with(ErrorReason::missing));
  EXPECT_THAT(value.error()->where, HasSubstr("not a regular file"));
}

TEST_F(SysfsFileTest, RefusesAFolder) {
  std::filesystem::create_directories(tree_.path("folder"));
  EXPECT_TRUE(SysfsFile(tree_.path("folder")).read_integer(kMin, kMax).failed_with(ErrorReason::missing));
}

TEST_F(SysfsFileTest, IfPresentTellsAbsentFromUnreadable) {
  EXPECT_FALSE(SysfsFile::if_present(tree_.path("absent")));
  EXPECT_FALSE(SysfsFile::if_present(tree_.path("absent/below")));
  tree_.make_fifo("fifo");
  EXPECT_TRUE(SysfsFile::if_present(tree_.path("fifo")));
  tree_.write("value", "1");
  EXPECT_TRUE(SysfsFile::if_present(tree_.path("value")));
}

TEST_F(SysfsFileTest, ReadsTextOfAnyLength) {
  std::string buffer;
  EXPECT_EQ(*file("suspended\n").read_text(buffer), "suspended\n");
  EXPECT_EQ(*file("").read_text(buffer), "");
  const std::string page(4096, 'a');
  EXPECT_EQ(*file(page).read_text(buffer), page);
  const std::string large(100'000, 'b');
  EXPECT_EQ(*file(large).read_text(buffer), large);
}

TEST_F(SysfsFileTest, DoesNotLeakDescriptors) {
  const auto open_files = [] { return list_directory("/proc/self/fd").size(); };
  const auto before = open_files();
  {
    SysfsFile sensor = file("1\n");
    for (int i = 0; i < 10; ++i) {
      tree_.replace("value", "1\n");
      EXPECT_TRUE(sensor.read_integer(kMin, kMax));
    }
    SysfsFile moved = std::move(sensor);
    EXPECT_TRUE(moved.read_integer(kMin, kMax));
    tree_.remove("value");
    EXPECT_FALSE(moved.read_integer(kMin, kMax));
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(SysfsFileTest, IsClosedInChildPrograms) {
  SysfsFile sensor = file("1\n");
  const int next = ::dup(0);
  ::close(next);
  EXPECT_TRUE(sensor.read_integer(kMin, kMax));
  EXPECT_TRUE(::fcntl(next, F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(::fcntl(next, F_GETFL) & O_NONBLOCK);
}

TEST(ListDirectory, IsSortedAndEmptyForNothing) {
  test::TempTree tree;
  tree.write("b", "");
  tree.write("a", "");
  EXPECT_EQ(list_directory(tree.root()), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(list_directory(tree.path("none")).empty());
}

}  // namespace
}  // namespace tegrascope
