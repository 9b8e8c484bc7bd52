#include "collectors/linux/process_stat.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

//                                     4    5..13                  14  15                 22   23       24
constexpr std::string_view kRest =
    " S 812 1 1 0 -1 4194560 9 8 7 6 5400 310 0 0 20 0 20 0 98000 21474836480 180000 18446744073709551615 1";

TEST(ProcessStat, Fields) {
  const std::string text = "2301 (llama-server)" + std::string(kRest);
  const auto stat = parse_process_stat(text);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "llama-server");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent_pid, 812);
  EXPECT_EQ(stat->cpu_ticks, 5710u);
  EXPECT_EQ(stat->start_ticks, 98000u);
  EXPECT_EQ(stat->virtual_bytes, 21474836480u);
  EXPECT_EQ(stat->resident_pages, 180000u);
}

TEST(ProcessStat, CommWithBlanksAndParentheses) {
  for (const std::string comm : {"a b", ") S 1 (", "((", "))", "", "S 1 2 3"}) {
    const std::string text = "7 (" + comm + ")" + std::string(kRest);
    const auto stat = parse_process_stat(text);
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->parent_pid, 812) << comm;
  }
}

TEST(ProcessStat, NegativeResidentIsNone) {
  EXPECT_EQ(parse_process_stat("7 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 100 -3")->resident_pages, 0u);
}

TEST(ProcessStat, Garbage) {
  for (const std::string_view text :
       {"", "7", "7 (x)", "7 )x( S 1", "7 (x) S 1 1 1",
        "7 (x) S a 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 100 3",
        "7 (x) S 1 1 1 0 -1 0 0 0 0 0 -1 2 0 0 20 0 1 0 5 100 3",
        "7 (x) S 1 1 1 0 -1 0 0 0 0 0 99999999999999999999 2 0 0 20 0 1 0 5 100 3"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

TEST(ProcessStat, TicksAsTime) {
  EXPECT_EQ(from_ticks(0), 0ns);
  EXPECT_EQ(from_ticks(1), 10ms);  // USER_HZ is 100 on every platform we build for
  EXPECT_EQ(from_ticks(571000), 5710s);
}

}  // namespace
}  // namespace tegrascope
