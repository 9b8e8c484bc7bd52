// What a watched thread keeps of its reads.
#include <gtest/gtest.h>

#include <cerrno>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

class ReadTrace : public testing::Test {
 protected:
  std::vector<TracedRead> take() { return watch_.take_trace(); }

  test::TempTree tree_;
  ReadWatch watch_{std::make_shared<Quarantine>()};
  ReadWatch::Use use_{watch_};
};

TEST_F(ReadTrace, ItHasTheTimeOfItsReading) {
  tree_.write("temp", "47500\n");
  SysfsFile file(tree_.path("temp"));
  watch_.keep_trace();
  const auto value = file.read_integer(0, 100000);
  ASSERT_TRUE(value);
  const auto trace = take();
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(trace[0].path, tree_.path("temp").string());
  EXPECT_EQ(trace[0].at(), value.at());
  EXPECT_LE(trace[0].begin, trace[0].end);
  EXPECT_EQ(trace[0].error, 0);
  EXPECT_EQ(trace[0].text, "47500");
}

TEST_F(ReadTrace, NothingIsKeptUnlessAskedFor) {
  tree_.write("temp", "47500\n");
  read_once(tree_.path("temp"));
  EXPECT_TRUE(take().empty());
  watch_.keep_trace();
  read_once(tree_.path("temp"));
  EXPECT_EQ(take().size(), 1u);
  read_once(tree_.path("temp"));
  EXPECT_TRUE(take().empty()) << "taken once, it ends";
}

TEST_F(ReadTrace, FailedReadsAreInIt) {
  tree_.write("gated", "(EAGAIN)");
  tree_.make_fifo("fifo");
  watch_.keep_trace();
  EXPECT_FALSE(SysfsFile(tree_.path("gated")).read_integer(0, 1));
  EXPECT_FALSE(SysfsFile(tree_.path("absent")).read_integer(0, 1));
  EXPECT_TRUE(SysfsFile::if_present(tree_.path("fifo")));
  const auto trace = take();
  ASSERT_EQ(trace.size(), 3u);
  EXPECT_EQ(trace[0].error, EAGAIN);
  EXPECT_FALSE(trace[0].opening);
  EXPECT_EQ(trace[1].error, ENOENT);
  EXPECT_TRUE(trace[1].opening);
  EXPECT_LT(trace[2].error, 0);
}

TEST_F(ReadTrace, AProbeThatFindsNothingIsNot) {
  watch_.keep_trace();
  EXPECT_FALSE(SysfsFile::if_present(tree_.path("absent")));
  EXPECT_TRUE(list_directory(tree_.path("absent")).empty());
  EXPECT_TRUE(take().empty());
  EXPECT_TRUE(list_directory(tree_.root()).empty());
}

TEST_F(ReadTrace, AListedFolderIs) {
  tree_.write("a", "1");
  watch_.keep_trace();
  list_directory(tree_.root());
  const auto trace = take();
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(trace[0].path, tree_.root().string());
  EXPECT_LT(trace[0].begin, trace[0].end);
}

}  // namespace
}  // namespace tegrascope
