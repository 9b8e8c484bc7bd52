// R1 to R6: what a client sees through the proxy is what it would see without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "tests/contract/contract_fixture.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char* kRoutes[] = {
    "/api/generate",   "/api/chat",      "/api/embed",    "/v1/chat/completions",
    "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
    "/api/pull",       "/nowhere"};

const std::string kAsked = request("POST", "/api/chat", R"({"model":"m","messages":[]})");

std::string random_text(std::mt19937_64& random, std::size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// The answer to stream `seed`, in the pieces that the upstream sends.
struct Script {
  std::string payload;
  std::vector<std::string> pieces;
};

Script script_of(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Script script;
  const bool sse = random() % 2 == 0;
  const bool sized = random() % 5 == 0;
  std::string whole;
  std::string chunks;
  for (std::uint64_t i = random() % 8; i > 0; --i) {
    const std::string text = random() % 3 == 0 ? random_text(random, random() % 400)
                             : sse             ? "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
                                               : chat_token(std::to_string(random()));
    script.payload += text;
    if (!text.empty()) chunks += chunk(text);
  }
  if (sized) {
    whole = json_answer(200, script.payload);
  } else {
    whole =
        chunked_head(sse ? "text/event-stream" : "application/x-ndjson") + chunks + std::string(kLastChunk);
  }
  while (!whole.empty()) {
    const std::size_t size = std::min<std::size_t>(whole.size(), 1 + random() % 200);
    script.pieces.push_back(whole.substr(0, size));
    whole.erase(0, size);
  }
  return script;
}

std::string asked_for(std::uint64_t seed) {
  return request("POST", kRoutes[seed % std::size(kRoutes)],
                 R"({"model":"m","seed":)" + std::to_string(seed) + "}");
}

void serve_scripts(TcpPeer& peer) {
  while (true) {
    const WireRequest asked = read_request(peer);
    const std::size_t at = asked.body.find("\"seed\":") + 7;
    for (const std::string& piece : script_of(std::stoull(asked.body.substr(at))).pieces) peer.send(piece);
  }
}

TEST_F(Contract, R1_TenThousandStreamsArriveAsTheyWereSent) {
  constexpr std::uint64_t kStreams = 10000;
  constexpr std::uint64_t kStreamsPerConnection = 50;
  Serving serving(upstream_, serve_scripts);
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (std::uint64_t first = 0; (first = next.fetch_add(kStreamsPerConnection)) < kStreams;) {
        TcpPeer asking = client();
        for (std::uint64_t seed = first; seed < first + kStreamsPerConnection; ++seed) {
          asking.send(asked_for(seed));
          const WireAnswer answer = read_answer(asking);
          if (!answer.complete || answer.status != 200 || answer.payload != script_of(seed).payload) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(wrong, 0U);
}

TEST_F(Contract, R1_HeadsAndFramingAreThoseOfTheUpstream) {
  TcpPeer asking = client();
  const std::string asked =
      request("POST", "/api/chat", "{}", "X-Odd:   kept  \r\nx-lower: 1\r\nConnection: x-lower\r\n");
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_until("{}"), asked);
  const std::string answered = "HTTP/1.1 200 Fine\r\nX-Odd:  y\r\ntransfer-encoding: chunked\r\n\r\n" +
                               chunk("one") + chunk("two") + std::string(kLastChunk);
  answering.send(answered);
  EXPECT_EQ(asking.read_exactly(answered.size()), answered);
}

TEST_F(Contract, R1_ABlobBeyondTwoGigabytesIsStreamed) {
  constexpr std::uint64_t kSize = (std::uint64_t{1} << 31) + 12345;
  TcpPeer asking = client();
  asking.send("POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " +
              std::to_string(kSize) + "\r\n\r\n");
  TcpPeer answering = upstream_.accept();
  answering.read_until("\r\n\r\n");
  std::thread sending([&] {
    const std::string zeros(1024 * 1024, '\0');
    for (std::uint64_t left = kSize; left > 0;) {
      const std::size_t size = std::min<std::uint64_t>(left, zeros.size());
      asking.send(std::string_view(zeros).substr(0, size));
      left -= size;
    }
  });
  std::uint64_t got = 0;
  std::uint64_t pieces = 0;
  while (got < kSize) {
    got += answering.read_some().size();
    ++pieces;
  }
  sending.join();
  EXPECT_EQ(got, kSize);
  EXPECT_GT(pieces, 1000U);
  answering.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(read_answer(asking).status, 201);
}

TEST_F(Contract, R2_WhatCannotBeUnderstoodPassesAllTheSame) {
  const std::string gzip("\x1f\x8b\x08\0\0\0\0\0\0\x03garbage", 17);
  const std::string deep = std::string(100000, '[') + "\n";
  for (const std::string& payload :
       {std::string("{\"mess\xff\n\x01\x02nonsense\n"), std::string("{\"half\":"), gzip, deep,
        std::string("\n\n\n\n"), std::string("data: \n\ndata: [DONE]\n\ndata: more\n\n"),
        std::string(R"({"done":true,"eval_count":-1e999})") + "\n"}) {
    for (const char* route : kRoutes) {
      TcpPeer asking = client();
      asking.send(request("POST", route, payload));
      TcpPeer answering = upstream_.accept();
      EXPECT_EQ(read_request(answering).body, payload);
      answering.send(chunked_head("application/x-ndjson") + chunk(payload) + std::string(kLastChunk));
      const WireAnswer answer = read_answer(asking);
      EXPECT_TRUE(answer.complete) << route;
      EXPECT_EQ(answer.payload, payload) << route;
    }
  }
}

TEST_F(Contract, R2_AHundredMegabytesWithoutANewlinePass) {
  constexpr std::size_t kSize = 100 * 1024 * 1024;
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  read_request(answering);
  std::thread sending([&] {
    const std::string piece(1024 * 1024, '{');
    answering.send("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: " +
                   std::to_string(kSize) + "\r\n\r\n");
    for (std::size_t sent = 0; sent < kSize; sent += piece.size()) answering.send(piece);
  });
  asking.read_until("\r\n\r\n");
  std::size_t got = 0;
  while (got < kSize) {
    const std::string piece = asking.read_some();
    ASSERT_FALSE(piece.empty());
    ASSERT_EQ(piece.find_first_not_of('{'), std::string::npos);
    got += piece.size();
  }
  sending.join();
}

// The time from each token's send to its arrival, with so many streams open.
std::vector<Clock::duration> token_times(std::uint16_t port, ScriptedUpstream& upstream, int streams,
                                         int tokens) {
  std::vector<TcpPeer> clients;
  std::vector<TcpPeer> servers;
  for (int i = 0; i < streams; ++i) {
    clients.push_back(TcpPeer::connect(port));
    clients.back().send(kAsked);
    servers.push_back(upstream.accept());
    read_request(servers.back());
    servers.back().send(chunked_head("application/x-ndjson"));
    clients.back().read_until("\r\n\r\n");
  }
  const std::string token = chunk(chat_token("a"));
  std::vector<Clock::duration> times;
  for (int i = 0; i < tokens; ++i) {
    for (std::size_t s = 0; s < clients.size(); ++s) {
      const auto sent = Clock::now();
      servers[s].send(token);
      clients[s].read_exactly(token.size());
      times.push_back(Clock::now() - sent);
    }
  }
  std::sort(times.begin(), times.end());
  return times;
}

double quantile_ms(const std::vector<Clock::duration>& sorted, double q) {
  const auto at = static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[at]).count();
}

TEST_F(Contract, R3_TokensAreNotHeldBack) {
  for (const int streams : {1, 8, 64}) {
    double p50 = 0;
    double p99 = 0;
    // Other programs of the machine delay both ways; a proxy that waits does so in every round.
    for (int round = 0; round < 15; ++round) {
      const int tokens = std::max(10, 400 / streams);
      const auto direct = token_times(upstream_.port(), upstream_, streams, tokens);
      const auto through = token_times(proxy_port(), upstream_, streams, tokens);
      p50 = quantile_ms(through, 0.5) - quantile_ms(direct, 0.5);
      p99 = quantile_ms(through, 0.99) - quantile_ms(direct, 0.99);
      if (p50 <= 0.2 && p99 <= 2.0) break;
    }
    std::printf("R3, %d streams: added p50 %.3f ms, p99 %.3f ms\n", streams, p50, p99);
    EXPECT_LE(p50, 0.2) << streams;
    EXPECT_LE(p99, 2.0) << streams;
  }
}

// TEGRASCOPE_CONTRACT_SILENCE=600 keeps silent for the ten minutes of the promise.
TEST_F(Contract, R4_SilenceIsNoReasonToEnd) {
  const char* asked_for_seconds = std::getenv("TEGRASCOPE_CONTRACT_SILENCE");
  const std::chrono::seconds silence(asked_for_seconds == nullptr ? 2 : std::atoi(asked_for_seconds));
  TcpPeer before_first_byte = client();
  before_first_byte.send(kAsked);
  TcpPeer loading = upstream_.accept();
  read_request(loading);
  TcpPeer mid_stream = client();
  mid_stream.send(kAsked);
  TcpPeer generating = upstream_.accept();
  read_request(generating);
  generating.send(chunked_head("application/x-ndjson") + chunk(chat_token("a")));
  mid_stream.read_until("}\n\r\n");

  const auto end = Clock::now() + silence;
  while (Clock::now() < end && !before_first_byte.has_bytes_now() && !mid_stream.has_bytes_now() &&
         !loading.has_bytes_now() && !generating.has_bytes_now())
    pause_a_millisecond();
  EXPECT_GE(Clock::now(), end) << "somebody ended it";
  loading.send(json_answer(200, "{}"));
  EXPECT_EQ(read_answer(before_first_byte).status, 200);
  generating.send(chunk(kChatFinal) + std::string(kLastChunk));
  EXPECT_EQ(mid_stream.read_exactly(chunk(kChatFinal).size() + kLastChunk.size()),
            chunk(kChatFinal) + std::string(kLastChunk));
}

enum class Phase { before_first_byte, mid_stream };
enum class Leave { close, reset, half_close };

class R5 : public Contract {
 protected:
  // An exchange in that phase, client first.
  std::pair<TcpPeer, TcpPeer> begin(std::uint16_t port, Phase phase) {
    TcpPeer asking = TcpPeer::connect(port);
    asking.send(kAsked);
    TcpPeer answering = upstream_.accept();
    read_request(answering);
    if (phase == Phase::mid_stream) {
      answering.send(chunked_head("application/x-ndjson") + chunk(chat_token("a")));
      asking.read_until("}\n\r\n");
    }
    return {std::move(asking), std::move(answering)};
  }

  // How long the upstream takes to learn it, sorted.
  std::vector<Clock::duration> leave_times(std::uint16_t port, Phase phase, Leave leave,
                                           TcpPeer::End expected) {
    std::vector<Clock::duration> times;
    for (int i = 0; i < 100; ++i) {
      auto [asking, answering] = begin(port, phase);
      const auto left = Clock::now();
      if (leave == Leave::close) asking.close();
      if (leave == Leave::reset) asking.reset();
      if (leave == Leave::half_close) asking.finish_sending();
      EXPECT_EQ(answering.wait_for_end(), expected);
      times.push_back(Clock::now() - left);
      if (HasFailure()) break;
      if (leave != Leave::half_close) continue;
      // The client still reads: it gets what the upstream goes on to say.
      const std::string rest =
          phase == Phase::mid_stream ? chunk(kChatFinal) + std::string(kLastChunk) : json_answer(200, "{}");
      answering.send(rest);
      EXPECT_EQ(asking.read_exactly(rest.size()), rest);
    }
    std::sort(times.begin(), times.end());
    return times;
  }

  // On a busy machine a few of a hundred wait for a processor, in a proxy that waits by itself all do.
  void check(Phase phase, Leave leave, TcpPeer::End expected) {
    double p90 = 0;
    for (int round = 0; round < 10 && !HasFailure(); ++round) {
      const auto times = leave_times(proxy_port(), phase, leave, expected);
      p90 = quantile_ms(times, 0.9);
      std::printf("R5: p50 %.3f ms, p90 %.3f ms, p99 %.3f ms\n", quantile_ms(times, 0.5), p90,
                  quantile_ms(times, 0.99));
      if (p90 <= 5) return;
    }
    EXPECT_LE(p90, 5);
  }
};

TEST_F(R5, ACloseBeforeTheFirstByteArrivesAsFin) {
  check(Phase::before_first_byte, Leave::close, TcpPeer::End::fin);
}
TEST_F(R5, ACloseMidStreamArrivesAsFin) { check(Phase::mid_stream, Leave::close, TcpPeer::End::fin); }
TEST_F(R5, AResetBeforeTheFirstByteArrivesAsRst) {
  check(Phase::before_first_byte, Leave::reset, TcpPeer::End::reset);
}
TEST_F(R5, AResetMidStreamArrivesAsRst) { check(Phase::mid_stream, Leave::reset, TcpPeer::End::reset); }
TEST_F(R5, AHalfCloseBeforeTheFirstByteCancelsNothing) {
  check(Phase::before_first_byte, Leave::half_close, TcpPeer::End::fin);
}
TEST_F(R5, AHalfCloseMidStreamCancelsNothing) {
  check(Phase::mid_stream, Leave::half_close, TcpPeer::End::fin);
}

TEST_F(Contract, R6_AnUpstreamThatIsNotThereGives502AsOllamaWouldSayIt) {
  upstream_.stop_listening();
  TcpPeer asking = client();
  asking.send(kAsked);
  const WireAnswer answer = read_answer(asking);
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.payload.substr(0, 10), "{\"error\":\"") << answer.payload;
  EXPECT_NE(answer.head.find("application/json"), std::string::npos) << answer.head;
}

enum class Death { close, reset };

class R6 : public Contract {
 protected:
  // The upstream dies behind each byte of an answer; what the client gets must never look whole.
  void check(const std::string& answered, Death death) {
    for (std::size_t cut = 0; cut < answered.size(); ++cut) {
      TcpPeer asking = client();
      asking.send(kAsked);
      TcpPeer answering = upstream_.accept();
      read_request(answering);
      answering.send(answered.substr(0, cut));
      if (death == Death::close) {
        answering.close();
        const WireAnswer got = read_answer(asking);
        ASSERT_FALSE(got.complete && got.status == 200) << "looks whole, but was cut at " << cut;
      } else {
        asking.read_exactly(cut);
        answering.reset();
        ASSERT_EQ(asking.wait_for_end(), TcpPeer::End::reset) << "cut at " << cut;
      }
    }
  }
};

const std::string kStream = chunked_head("application/x-ndjson") + chunk(chat_token("a")) +
                            chunk(kChatFinal) + std::string(kLastChunk);

TEST_F(R6, AStreamThatIsCutAtAnyByteStaysCut) { check(kStream, Death::close); }
TEST_F(R6, AStreamThatIsResetAtAnyByteIsReset) { check(kStream, Death::reset); }
TEST_F(R6, AnAnswerOfKnownLengthThatIsCutAtAnyByteStaysCut) {
  check(json_answer(200, R"({"models":[]})"), Death::close);
}

TEST_F(Contract, R6_AnUpstreamThatClosesSlowlyIsWaitedFor) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  read_request(answering);
  answering.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst");
  asking.read_until("first");
  answering.send("last");
  answering.finish_sending();
  asking.read_until("last");
}

}  // namespace
}  // namespace tegrascope::test
