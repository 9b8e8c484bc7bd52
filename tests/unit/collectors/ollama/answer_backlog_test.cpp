#include "collectors/ollama/answer_backlog.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

const std::string kToken = test::chunk(test::chat_token("a"));

TEST(AnswerBacklog, ReleasesPiecesWithTheirTimes) {
  AnswerBacklog backlog;
  EXPECT_TRUE(backlog.take(kToken, MonotonicTime(1ms)));
  EXPECT_TRUE(backlog.take("data: {}\n\n\r\n", MonotonicTime(2ms)));
  std::vector<std::pair<std::string, MonotonicTime>> got;
  const auto keep = [&](std::string_view bytes, MonotonicTime at) { got.emplace_back(bytes, at); };
  backlog.release(keep);
  backlog.release(keep);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0], std::make_pair(kToken, MonotonicTime(1ms)));
  EXPECT_EQ(got[1], std::make_pair(std::string("data: {}\n\n\r\n"), MonotonicTime(2ms)));
}

TEST(AnswerBacklog, WhatMayEndTheAnswerDoesNotWait) {
  AnswerBacklog backlog;
  for (const std::string& bytes :
       {kToken + std::string(test::kLastChunk), std::string(test::kLastChunk), std::string("\r\n"),
        std::string("\n\r\n"), kToken.substr(0, 20), std::string()}) {
    EXPECT_FALSE(backlog.take(bytes, MonotonicTime(1ms))) << bytes;
  }
}

TEST(AnswerBacklog, IsBoundedInTimeCountAndBytes) {
  AnswerBacklog in_time;
  EXPECT_TRUE(in_time.take(kToken, MonotonicTime(0ms)));
  EXPECT_TRUE(in_time.take(kToken, MonotonicTime(AnswerBacklog::kMaxWait - 1ms)));
  EXPECT_FALSE(in_time.take(kToken, MonotonicTime(AnswerBacklog::kMaxWait)));
  AnswerBacklog in_count;
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(in_count.take(kToken, MonotonicTime(0ms)));
  EXPECT_FALSE(in_count.take(kToken, MonotonicTime(0ms)));
  AnswerBacklog in_bytes;
  EXPECT_TRUE(in_bytes.take(std::string(6000, 'x') + "}\n\r\n", MonotonicTime(0ms)));
  EXPECT_FALSE(in_bytes.take(std::string(6000, 'x') + "}\n\r\n", MonotonicTime(0ms)));
}

}  // namespace
}  // namespace tegrascope
