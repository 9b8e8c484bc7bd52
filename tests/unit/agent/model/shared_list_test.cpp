#include "agent/model/shared_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace tegrascope {
namespace {

using testing::ElementsAre;

TEST(SharedList, ACopyKeepsWhatItHeld) {
  SharedList<std::string> list{"a", "b", "c"};
  const SharedList<std::string> copy = list;
  EXPECT_EQ(&copy[1], &list[1]) << "elements are shared";
  list.replace(++list.begin(), "B");
  list.pop_front();
  list.push_back("d");
  EXPECT_THAT(list, ElementsAre("B", "c", "d"));
  EXPECT_THAT(copy, ElementsAre("a", "b", "c"));
}

TEST(SharedList, IsReadFromBothEnds) {
  const SharedList<int> list{1, 2, 3};
  EXPECT_EQ(std::vector<int>(list.rbegin(), list.rend()), (std::vector<int>{3, 2, 1}));
  EXPECT_EQ(list.back(), 3);
  EXPECT_EQ(list.at(0), 1);
  EXPECT_THROW(static_cast<void>(list.at(3)), std::out_of_range);
  EXPECT_TRUE(SharedList<int>{}.empty());
}

}  // namespace
}  // namespace tegrascope
