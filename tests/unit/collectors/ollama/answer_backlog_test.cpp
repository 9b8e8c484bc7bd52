#include "collectors/ollama/answer_backlog.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

const std::string kToken = test::chunk(test::chat_token("a"));

bool receive(AnswerBacklog& backlog, std::string_view bytes, MonotonicTime at) {
  const std::span<char> room = backlog.room();
  EXPECT_GE(room.size(), bytes.size());
  bytes.copy(room.data(), room.size());
  return backlog.keep({room.data(), bytes.size()}, at);
}

TEST(AnswerBacklog, ReleasesPiecesWithTheirTimes) {
  AnswerBacklog backlog;
  EXPECT_TRUE(receive(backlog, kToken, MonotonicTime(1ms)));
  EXPECT_TRUE(receive(backlog, "data: {}\n\n\r\n", MonotonicTime(2ms)));
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
    EXPECT_FALSE(receive(backlog, bytes, MonotonicTime(1ms))) << bytes;
  }
}

TEST(AnswerBacklog, APieceReceivedBeforeARelease) {
  AnswerBacklog backlog;
  ASSERT_TRUE(receive(backlog, kToken, MonotonicTime(1ms)));
  const std::span<char> room = backlog.room();
  kToken.copy(room.data(), room.size());
  backlog.release([](std::string_view, MonotonicTime) {});
  EXPECT_FALSE(backlog.keep({room.data(), kToken.size()}, MonotonicTime(2ms)));
  EXPECT_EQ(std::string_view(room.data(), kToken.size()), kToken);
  EXPECT_LT(backlog.room().data(), room.data());
}

TEST(AnswerBacklog, IsBoundedInTimeCountAndBytes) {
  AnswerBacklog in_time;
  EXPECT_TRUE(receive(in_time, kToken, MonotonicTime(0ms)));
  EXPECT_TRUE(receive(in_time, kToken, MonotonicTime(AnswerBacklog::kMaxWait - 1ms)));
  EXPECT_FALSE(receive(in_time, kToken, MonotonicTime(AnswerBacklog::kMaxWait)));
  AnswerBacklog in_count;
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(receive(in_count, kToken, MonotonicTime(0ms)));
  EXPECT_FALSE(receive(in_count, kToken, MonotonicTime(0ms)));
  AnswerBacklog in_bytes;
  EXPECT_TRUE(receive(in_bytes, std::string(6000, 'x') + "}\n\r\n", MonotonicTime(0ms)));
  EXPECT_FALSE(receive(in_bytes, std::string(6000, 'x') + "}\n\r\n", MonotonicTime(0ms)));
}

}  // namespace
}  // namespace tegrascope
