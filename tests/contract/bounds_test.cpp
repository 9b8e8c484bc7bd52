// S9: memory is bounded for each connection and in all.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/contract/contract_fixture.hpp"

namespace tegrascope::test {
namespace {

const std::string kAsked = request("POST", "/api/chat", R"({"model":"m","messages":[]})");

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}

class S9 : public Contract {
 protected:
  void serve_one() {
    TcpPeer asking = client();
    asking.send(kAsked);
    TcpPeer answering = upstream_.accept();
    read_request(answering);
    answering.send(json_answer(200, "{}"));
    EXPECT_EQ(read_answer(asking).status, 200);
  }
};

TEST_F(S9, TenThousandSlowHeadsKeepNobodyOutAndFitIntoMemory) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t count = std::min<std::size_t>(10000, limit.rlim_max / 2);
  serve_one();
  const std::size_t before = resident_bytes();
  std::vector<TcpPeer> slow;
  for (std::size_t i = 0; i < count; ++i) {
    slow.push_back(client());
    try {
      slow.back().send("POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a");
    } catch (const std::runtime_error&) {  // closed to make room
    }
  }
  serve_one();
  serve_one();
  const std::size_t grown = resident_bytes() - std::min(before, resident_bytes());
  std::printf("S9: %zu slow heads, %.1f MiB more\n", count, static_cast<double>(grown) / 1048576);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (!is_foreign()) {
    EXPECT_LT(grown, 24U * 1024 * 1024);
  }
#endif
}

TEST_F(S9, EndlessBodiesChunksAndLinesFitIntoMemory) {
  serve_one();
  const std::size_t before = resident_bytes();
  {
    TcpPeer asking = client();  // a hundred megabytes without a newline, one JSON string
    asking.send("POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 104857614\r\n\r\n");
    TcpPeer answering = upstream_.accept();
    std::thread reading([&] {
      answering.read_until("\r\n\r\n");
      std::size_t got = 0;
      while (got < 104857614) got += answering.read_some().size();
      answering.send(json_answer(200, "{}"));
    });
    asking.send(R"({"messages":")");
    const std::string piece(65536, 'p');
    for (int i = 0; i < 1600; ++i) asking.send(piece);
    asking.send("\"");
    EXPECT_EQ(read_answer(asking).status, 200);
    reading.join();
  }
  {
    TcpPeer asking = client();  // chunks of one byte, and arrays in arrays
    std::string body;
    for (int i = 0; i < 50000; ++i) body += chunk("[");
    TcpPeer* answering_peer = nullptr;
    std::thread sending([&] {
      asking.send("POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n");
      asking.send(body);
      asking.send(kLastChunk);
    });
    TcpPeer answering = upstream_.accept();
    answering_peer = &answering;
    answering_peer->read_until("\r\n\r\n");
    answering.read_exactly(1000);
    answering.send(chunked_head("application/x-ndjson"));
    const std::string answered = [] {
      std::string out;
      for (int i = 0; i < 50000; ++i) out += chunk("{");
      return out + std::string(kLastChunk);
    }();
    std::thread answering_all([&] { answering.send(answered); });
    std::thread draining([&] {
      try {
        while (!answering.read_some().empty()) {
        }
      } catch (const std::runtime_error&) {
      }
    });
    const WireAnswer answer = read_answer(asking);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.payload.size(), 50000U);
    sending.join();
    answering_all.join();
    asking.close();
    draining.join();
  }
  serve_one();
  const std::size_t grown = resident_bytes() - std::min(before, resident_bytes());
  std::printf("S9: %.1f MiB more\n", static_cast<double>(grown) / 1048576);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (!is_foreign()) {
    EXPECT_LT(grown, 16U * 1024 * 1024);
  }
#endif
}

TEST_F(S9, AHeadOf256KiBIsRefusedWhileOthersAreServed) {
  TcpPeer asking = client();
  try {
    asking.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + std::string(256 * 1024, 'a') + "\r\n\r\n");
  } catch (const std::runtime_error&) {
  }
  serve_one();
  const WireAnswer answer = read_answer(asking);
  EXPECT_TRUE(answer.status == 431 || answer.status == 400 || answer.status == 414) << answer.head;
}

}  // namespace
}  // namespace tegrascope::test
