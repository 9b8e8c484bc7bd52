#include "collectors/ollama/capture/connections.hpp"

#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/capture/chat_text.hpp"
#include "tests/unit/collectors/ollama/capture/packets.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using namespace test;

constexpr const char* kServer = "127.0.0.1:3002";

class ConnectionsTest : public testing::Test {
 protected:
  ConnectionsTest() { connections_.set_targets({{kServer, 11434, false, {*parse_ip_address("10.0.0.1")}}}); }

  void add(const TcpFields& f) { connections_.add(segment_of(f), MonotonicTime(now_ += 1ms)); }
  void add_all(const std::vector<TcpFields>& all) {
    for (const TcpFields& f : all) add(f);
  }
  void add_twice(const TcpFields& f) {
    add(f);
    add(f);
  }
  void expire() { connections_.expire(MonotonicTime(now_ += 1s)); }

  void whole_chat(TcpScript& script) {
    add(script.ask(chat_request()));
    add(script.answer(head() + token()));
    add(script.answer(token()));
    add(script.answer(token()));
    add(script.answer(last()));
  }
  RequestEnded only_end() const {
    const auto all = log_.ended();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? RequestEnded{} : all.front();
  }

  RequestIds ids_;
  EventLog log_;
  SeenRequests seen_;
  std::set<IpAddress> local_;
  int listed_ = 0;
  Connections connections_{{ids_, log_.sink(), &seen_, [this] {
                              ++listed_;
                              return local_;
                            }}};
  Nanoseconds now_ = 10s;
  TcpScript script_;
};

TEST_F(ConnectionsTest, AWholeRequest) {
  add_all(script_.open());
  whole_chat(script_);
  const auto started = log_.all<RequestStarted>();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0].witness, Witness::capture);
  EXPECT_EQ(started[0].server, kServer);
  EXPECT_EQ(started[0].at, MonotonicTime(10s + 3ms)) << "the packet's time";
  EXPECT_EQ(log_.all<RequestDescribed>()[0].model, "qwen2.5:7b");
  const RequestEnded end = only_end();
  EXPECT_EQ(end.outcome, Outcome::ok);
  EXPECT_EQ(end.status_code, 200);
  EXPECT_EQ(end.counts->output_tokens, 3);
  EXPECT_EQ(end.content_chunks, 3U);
  EXPECT_EQ(end.observation_error, "");
  EXPECT_EQ(end.at, MonotonicTime(10s + 7ms));
}

TEST_F(ConnectionsTest, AConnectionThatTwoInterfacesShowCountsOnce) {
  for (const TcpFields& f : script_.open()) add_twice(f);
  for (int i = 0; i < 3; ++i) {
    add_twice(script_.ask(chat_request()));
    add_twice(script_.answer(head() + token()));
    add_twice(script_.answer(last()));
  }
  add_twice(script_.client_fin());
  add_twice(script_.server_fin());
  ASSERT_EQ(log_.ended().size(), 3U);
  for (const RequestEnded& end : log_.ended()) EXPECT_EQ(end.content_chunks, 1U);
  EXPECT_EQ(connections_.size(), 1U) << "kept for a while, so that late copies open no new one";
  connections_.forget_idle(MonotonicTime(now_ + Connections::kCopiesTime + 1s));
  EXPECT_EQ(connections_.size(), 0U);
  EXPECT_EQ(connections_.totals().gaps.gaps, 0U);
  EXPECT_EQ(connections_.totals().joined, 0U);
}

TEST_F(ConnectionsTest, ManyConnectionsAtOnce) {
  std::vector<TcpScript> scripts;
  for (std::uint16_t i = 0; i < 50; ++i)
    scripts.emplace_back(static_cast<std::uint16_t>(40000 + i), i * 1000U);
  for (TcpScript& s : scripts) add_all(s.open());
  for (TcpScript& s : scripts) add(s.ask(chat_request()));
  for (TcpScript& s : scripts) add(s.answer(head() + token()));
  for (TcpScript& s : scripts) add(s.answer(last()));
  EXPECT_EQ(log_.ended().size(), 50U);
  for (const RequestEnded& end : log_.ended()) EXPECT_EQ(end.counts->output_tokens, 3);
}

TEST_F(ConnectionsTest, JoinedInTheMiddleCountsFromTheNextRequestOn) {
  script_.open();
  script_.ask(chat_request());
  script_.answer(head());
  add(script_.answer(token()));
  add(script_.answer(last()));
  EXPECT_EQ(log_.size(), 0U);
  whole_chat(script_);
  EXPECT_EQ(only_end().outcome, Outcome::ok);
  EXPECT_EQ(only_end().observation_error, "");
  EXPECT_EQ(connections_.totals().joined, 1U);
}

TEST_F(ConnectionsTest, JoinedWithinARequestBodyThatLooksLikeARequest) {
  script_.open();
  add(script_.ask("POST /api/chat is how the prompt goes on, without a version"));
  add(script_.ask("\"}]}"));
  add(script_.answer(head() + token() + last()));
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(ConnectionsTest, AHoleInAStreamMarksTheRequestAndKeepsItsFinalObject) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  add(script_.answer(head() + token()));
  script_.answer(token("lost"));
  add(script_.answer(token()));
  add(script_.answer(last()));
  expire();
  const RequestEnded end = only_end();
  EXPECT_EQ(end.observation_error, "gap");
  EXPECT_EQ(end.outcome, Outcome::ok) << "its end was seen";
  EXPECT_EQ(end.content_chunks, 2U);
  EXPECT_EQ(end.counts->output_tokens, 3) << "Ollama's own count";
  EXPECT_EQ(end.chunk_gaps.count(), 0U) << "the time across the hole is no inter-token latency";
  EXPECT_EQ(connections_.totals().gaps.gaps, 1U);
  whole_chat(script_);
  ASSERT_EQ(log_.ended().size(), 2U);
  EXPECT_EQ(log_.ended()[1].observation_error, "");
}

TEST_F(ConnectionsTest, AHoleAtEveryPlaceOfAnAnswerIsMarkedAndTheNextRequestIsWhole) {
  std::string chunked = head();
  for (int i = 0; i < 4; ++i) chunked += token(std::string(20, static_cast<char>('a' + i)));
  chunked += last();
  const std::string whole = json_answer(200, R"({"message":{"content":"x"},"done":true,"eval_count":3})");
  for (const std::string& answer : {chunked, whole}) {
    for (std::size_t from = 0; from < answer.size(); from += 7) {
      for (const std::size_t length : {std::size_t{1}, std::size_t{90}, answer.size() - from}) {
        if (from + length > answer.size()) continue;
        log_.clear();
        TcpScript script(static_cast<std::uint16_t>(1024 + from), static_cast<std::uint32_t>(now_.count()));
        add_all(script.open());
        add(script.ask(chat_request()));
        if (from > 0) add(script.answer(answer.substr(0, from)));
        script.answer(answer.substr(from, length));
        if (from + length < answer.size()) add(script.answer(answer.substr(from + length)));
        add(script.ask(chat_request()));
        add(script.answer(chunked));
        add(script.client_fin());
        add(script.server_fin());
        expire();
        const auto ends = log_.ended();
        ASSERT_EQ(ends.size(), 2U) << from << " " << length;
        EXPECT_EQ(ends[0].observation_error, "gap") << from << " " << length;
        EXPECT_TRUE(ends[0].outcome == Outcome::ok || ends[0].outcome == Outcome::incomplete) << from;
        if (ends[0].counts && ends[0].counts->output_tokens) {
          EXPECT_EQ(ends[0].counts->output_tokens, 3) << from;
        }
        EXPECT_EQ(ends[1].observation_error, "") << from << " " << length;
        EXPECT_EQ(ends[1].outcome, Outcome::ok) << from << " " << length;
        EXPECT_EQ(ends[1].counts->output_tokens, 3);
        EXPECT_EQ(ends[1].content_chunks, 4U);
      }
    }
  }
}

TEST_F(ConnectionsTest, AHoleAtEveryPlaceOfARequestIsMarkedOrTheRequestIsNotThere) {
  const std::string asked = chat_request(std::string(200, 'p'));
  for (std::size_t from = 0; from < asked.size(); from += 5) {
    for (const std::size_t length : {std::size_t{1}, std::size_t{50}, asked.size() - from}) {
      if (from + length > asked.size()) continue;
      log_.clear();
      TcpScript script(static_cast<std::uint16_t>(1024 + from), static_cast<std::uint32_t>(now_.count()));
      add_all(script.open());
      if (from > 0) add(script.ask(asked.substr(0, from)));
      script.ask(asked.substr(from, length));
      if (from + length < asked.size()) add(script.ask(asked.substr(from + length)));
      add(script.answer(head() + token() + last()));
      add(script.ask(chat_request()));
      add(script.answer(head() + token() + last()));
      expire();
      const auto ends = log_.ended();
      ASSERT_FALSE(ends.empty());
      ASSERT_LE(ends.size(), 2U) << from << " " << length;
      if (ends.size() == 2) {
        EXPECT_EQ(ends[0].observation_error, "gap") << from << " " << length;
      }
      EXPECT_EQ(ends.back().observation_error, "");
      EXPECT_EQ(ends.back().outcome, Outcome::ok);
      const auto described = log_.all<RequestDescribed>();
      EXPECT_EQ(described.back().model, "qwen2.5:7b");
    }
  }
}

TEST_F(ConnectionsTest, RandomLossNeverInventsARequestOrACount) {
  std::uint32_t random = 1;
  const auto one_in = [&](std::uint32_t n) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % n == 0;
  };
  int whole = 0;
  int marked = 0;
  for (std::uint16_t c = 0; c < 200; ++c) {
    TcpScript script(static_cast<std::uint16_t>(2000 + c), c * 100000U);
    add_all(script.open());
    log_.clear();
    constexpr std::size_t kRequests = 10;
    for (std::size_t r = 0; r < kRequests; ++r) {
      std::vector<TcpFields> sent{script.ask(chat_request()), script.answer(head() + token())};
      for (int i = 0; i < 5; ++i) sent.push_back(script.answer(token()));
      sent.push_back(script.answer(last()));
      for (const TcpFields& f : sent) {
        if (!one_in(30)) add(f);
      }
    }
    add(script.client_fin());
    add(script.server_fin());
    expire();
    ASSERT_LE(log_.ended().size(), kRequests);
    for (const RequestEnded& end : log_.ended()) {
      if (end.observation_error.empty()) {
        ++whole;
        ASSERT_EQ(end.outcome, Outcome::ok);
        ASSERT_EQ(end.content_chunks, 6U);
      } else {
        ++marked;
        ASSERT_EQ(end.observation_error, "gap");
      }
      if (end.counts) {
        ASSERT_EQ(end.counts->output_tokens, 3);
      }
    }
  }
  EXPECT_GT(whole, 1000);
  EXPECT_GT(marked, 100);
}

TEST_F(ConnectionsTest, TheClientLeavesAStream) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  add(script_.answer(head() + token()));
  add(script_.client_reset());
  EXPECT_EQ(only_end().outcome, Outcome::client_aborted);
  EXPECT_EQ(only_end().status_code, 499);
}

TEST_F(ConnectionsTest, TheServerCutsAStream) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  add(script_.answer(head() + token()));
  add(script_.server_fin());
  EXPECT_EQ(only_end().outcome, Outcome::upstream_aborted);
}

TEST_F(ConnectionsTest, TheSamePortsAgain) {
  add_all(script_.open());
  add(script_.ask(chat_request()));  // its end is not seen
  TcpScript again(40000, 5'000'000);
  add_all(again.open());
  whole_chat(again);
  ASSERT_EQ(log_.ended().size(), 2U);
  EXPECT_EQ(log_.ended()[0].outcome, Outcome::incomplete);
  EXPECT_EQ(log_.ended()[1].outcome, Outcome::ok);
}

TEST_F(ConnectionsTest, OtherServersAreIgnored) {
  TcpScript elsewhere;
  elsewhere.server_address = "10.0.0.9";
  add_all(elsewhere.open());
  whole_chat(elsewhere);
  TcpScript other_port;
  other_port.server_port = 8080;
  add_all(other_port.open());
  EXPECT_EQ(log_.size(), 0U);
  EXPECT_EQ(connections_.size(), 0U);
  EXPECT_EQ(connections_.totals().segments, 0U);
}

TEST_F(ConnectionsTest, AnyLocalAddressAndOnesThatComeLater) {
  connections_.set_targets({{kServer, 11434, true, {}}});
  local_ = {*parse_ip_address("192.168.1.5")};
  const auto ask_at = [&](const char* address, std::uint16_t port) {
    log_.clear();
    TcpScript script(port);
    script.server_address = address;
    add_all(script.open());
    whole_chat(script);
    return log_.ended().size();
  };
  EXPECT_EQ(ask_at("127.0.0.1", 1), 1U);
  EXPECT_EQ(ask_at("::1", 2), 1U);
  EXPECT_EQ(ask_at("192.168.1.5", 3), 1U);
  EXPECT_EQ(ask_at("192.168.1.77", 4), 0U) << "our own request to another machine's Ollama";
  EXPECT_LE(listed_, 1);
  local_.insert(*parse_ip_address("192.168.1.88"));
  now_ += 2s;
  EXPECT_EQ(ask_at("192.168.1.88", 5), 1U) << "an interface that has come";
  EXPECT_EQ(listed_, 2);
}

TEST_F(ConnectionsTest, ARequestThatTheRelayReportsIsLeftOut) {
  add_all(script_.open());
  const std::string asked = chat_request();
  seen_.announce(kServer, asked.substr(0, asked.find("\r\n\r\n") + 4), MonotonicTime(now_));
  whole_chat(script_);
  EXPECT_EQ(log_.size(), 0U);
  whole_chat(script_);
  EXPECT_EQ(log_.ended().size(), 1U) << "the next one came another way";
}

TEST_F(ConnectionsTest, ThePollsOfTheAgentAreNoRequests) {
  add_all(script_.open());
  add(script_.ask(request("GET", "/api/ps") + request("GET", "/api/version")));
  add(script_.answer(json_answer(200, "{}") + json_answer(200, "{}")));
  add(script_.ask(request("POST", "/api/show", R"({"model":"m"})")));
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(ConnectionsTest, IdleConnectionsAreForgottenAndJoinedAgain) {
  add_all(script_.open());
  whole_chat(script_);
  connections_.forget_idle(MonotonicTime(now_ + Connections::kIdleTime - 1s));
  EXPECT_EQ(connections_.size(), 1U);
  connections_.forget_idle(MonotonicTime(now_ + Connections::kIdleTime + 1s));
  EXPECT_EQ(connections_.size(), 0U);
  whole_chat(script_);
  EXPECT_EQ(log_.ended().size(), 2U);
}

TEST_F(ConnectionsTest, ALongSilenceWithARequestInFlightIsFine) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  now_ += 10min;
  connections_.forget_idle(MonotonicTime(now_));
  EXPECT_EQ(log_.ended().size(), 0U);
  connections_.forget_idle(MonotonicTime(now_ + Connections::kSilentTime));
  EXPECT_EQ(only_end().outcome, Outcome::incomplete);
  EXPECT_EQ(connections_.totals().evicted, 1U);
}

TEST_F(ConnectionsTest, TheNumberOfConnectionsIsBoundedAndThoseAtWorkStay) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  for (std::uint32_t i = 0; i < 2 * Connections::kMaxConnections; ++i) {
    TcpScript idle(static_cast<std::uint16_t>(i), i);
    idle.client_address = "10.0.7." + std::to_string(i % 250);
    add(idle.open()[0]);
  }
  EXPECT_LE(connections_.size(), Connections::kMaxConnections);
  add(script_.answer(head() + token() + last()));
  EXPECT_EQ(only_end().outcome, Outcome::ok);
}

TEST_F(ConnectionsTest, WhatWaitsIsBoundedInAll) {
  const std::string block(60 * 1024, 'x');
  for (std::uint16_t c = 0; c < 100; ++c) {
    TcpScript script(static_cast<std::uint16_t>(3000 + c));
    add_all(script.open());
    script.answer("lost");
    for (int i = 0; i < 4; ++i) add(script.answer(block));
  }
  EXPECT_GT(connections_.totals().gaps.gaps, 0U) << "some gave up waiting";
  EXPECT_LE(connections_.held_bytes(), Connections::kMaxHeldBytes);
}

TEST_F(ConnectionsTest, StoppingReportsWhatIsOpen) {
  add_all(script_.open());
  add(script_.ask(chat_request()));
  connections_.abandon(MonotonicTime(now_));
  EXPECT_EQ(only_end().outcome, Outcome::incomplete);
  EXPECT_EQ(connections_.size(), 0U);
}

TEST_F(ConnectionsTest, WhatIsNoHttpIsDroppedUntilARequestComes) {
  add_all(script_.open());
  add(script_.ask(std::string("\x16\x03\x01garbage", 10)));
  add(script_.answer("garbage"));
  whole_chat(script_);
  EXPECT_EQ(only_end().outcome, Outcome::ok);
}

}  // namespace
}  // namespace tegrascope
