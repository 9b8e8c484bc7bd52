// S1 to S4: what must not get through.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/contract/contract_fixture.hpp"

namespace tegrascope::test {
namespace {

using std::string_literals::operator""s;

const std::string kAsked = request("POST", "/api/chat", R"({"model":"m","messages":[]})");

struct Malformed {
  const char* name;
  std::string text;
};

std::string post(const std::string& fields, const std::string& body) {
  return "POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields + "\r\n" + body;
}

// Requests whose end, target or meaning two parsers could read differently.
std::vector<Malformed> malformed_requests() {
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n";
  const std::string get = "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  return {
      {"Content-Length, then chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks)},
      {"chunked, then Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks)},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")},
      {"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
      {"list of lengths", post("Content-Length: 5, 5\r\n", "hello")},
      {"signed length", post("Content-Length: +5\r\n", "hello")},
      {"negative length", post("Content-Length: -5\r\n", "hello")},
      {"hex length", post("Content-Length: 0x5\r\n", "hello")},
      {"length of 2^64", post("Content-Length: 18446744073709551616\r\n", "hello")},
      {"length without a number", post("Content-Length: five\r\n", "hello")},
      {"coding with a blank before the colon", post("Transfer-Encoding : chunked\r\n", chunks)},
      {"unknown coding", post("Transfer-Encoding: xchunked\r\n", chunks)},
      {"coding list", post("Transfer-Encoding: gzip, chunked\r\n", chunks)},
      {"coding identity", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello")},
      {"quoted coding", post("Transfer-Encoding: \"chunked\"\r\n", chunks)},
      {"coding with a vertical tab", post("Transfer-Encoding: \vchunked\r\n", chunks)},
      {"coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunks)},
      {"coding on HTTP/1.0",
       "POST /api/chat HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks},
      {"folded line", post("X-A: 1\r\n 2\r\nContent-Length: 5\r\n", "hello")},
      {"folded length", post("Content-Length:\r\n 5\r\n", "hello")},
      {"bare LF lines", "GET /api/tags HTTP/1.1\nHost: 127.0.0.1\n\n"},
      {"one bare LF", "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\nX-A: 1\r\n\r\n"},
      {"bare CR", "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\rX-B: 2\r\n\r\n"},
      {"NUL in a value", "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\0002\r\n\r\n"s},
      {"blank before the first line", " " + get},
      {"blank in the target", "GET /api/tags x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"},
      {"no Host", "GET /api/tags HTTP/1.1\r\nAccept: */*\r\n\r\n"},
      {"two Hosts", "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n\r\n"},
      {"absolute form with another Host",
       "GET http://evil.example/api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"},
      {"CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"},
      {"HTTP/1.2", "GET /api/tags HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n"},
      {"HTTP/2.0", "GET /api/tags HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n"},
      {"HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"HTTP/0.9", "GET /api/tags\r\n\r\n"},
      {"head of 256 KiB",
       "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + std::string(256 * 1024, 'a') + "\r\n\r\n"},
      {"underscored length", post("Content_Length: 5\r\n", "hello")},
      {"bare LF behind a chunk size", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n")},
      {"signed chunk size", post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n")},
      {"hex chunk size with 0x", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n")},
      {"chunk size beyond 64 bits",
       post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n")},
      {"chunk extension", post("Transfer-Encoding: chunked\r\n", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")},
      {"chunk without its CRLF", post("Transfer-Encoding: chunked\r\n", "5\r\nhello0\r\n\r\n")},
      {"length in a trailer",
       post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n")},
  };
}

TEST_F(Contract, S1_NoneOfTheAmbiguousRequestsReachesTheUpstream) {
  std::size_t refused = 0;
  for (const Malformed& malformed : malformed_requests()) {
    TcpPeer asking = client();
    try {
      asking.send(malformed.text);
    } catch (const std::runtime_error&) {  // refused before it was all sent
    }
    const auto reached = [&] { return upstream_.has_connection_now(); };
    EXPECT_TRUE(eventually([&] { return reached() || asking.has_bytes_now(); }))
        << malformed.name << ": no answer";
    if (reached()) {
      TcpPeer answering = upstream_.accept();
      std::string bytes;
      if (answering.has_bytes_now() || !asking.has_bytes_now()) {
        try {
          bytes = answering.read_some();
        } catch (const std::runtime_error&) {  // reset before a byte
        }
      }
      EXPECT_EQ(bytes, "") << malformed.name << " reached the upstream";
      if (bytes.empty()) ++refused;
      continue;
    }
    ++refused;
    const WireAnswer answer = read_answer(asking);
    EXPECT_TRUE(answer.status == 0 || answer.status >= 400) << malformed.name << ": " << answer.head;
  }
  std::printf("S1: %zu of %zu refused\n", refused, malformed_requests().size());
}

TEST_F(Contract, S1_WhatFollowsAnAmbiguousRequestIsNotRead) {
  for (const Malformed& malformed : malformed_requests()) {
    if (malformed.text.size() > 1000) continue;
    TcpPeer asking = client();
    asking.send(kAsked + malformed.text + request("DELETE", "/api/delete", "{}"));
    TcpPeer answering = upstream_.accept();
    ASSERT_EQ(read_request(answering).head.substr(0, 14), "POST /api/chat");
    answering.send(json_answer(200, "{}"));
    EXPECT_EQ(read_answer(asking).status, 200) << malformed.name;
    std::string more;
    try {
      while (true) {
        const std::string piece = answering.read_some();
        if (piece.empty()) break;
        more += piece;
      }
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(more.find("DELETE"), std::string::npos) << malformed.name;
  }
}

TEST_F(Contract, S2_NoClientSeesWhatIsAnothers) {
  Serving serving(upstream_, [](TcpPeer& peer) {
    while (true) {
      const WireRequest asked = read_request(peer);
      const std::size_t at = asked.head.find("nonce=") + 6;
      const std::string nonce = asked.head.substr(at, asked.head.find(' ', at) - at);
      peer.send(chunked_head("application/x-ndjson"));
      for (int i = 0; i < 3; ++i) peer.send(chunk("{\"nonce\":\"" + nonce + "\"}\n"));
      peer.send(kLastChunk);
    }
  });
  std::atomic<int> foreign{0};
  std::atomic<int> served{0};
  std::atomic<int> next{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&] {
      for (int id = 0; (id = next.fetch_add(1)) < 200;) {
        const std::string nonce = std::to_string(id) + "n";
        const auto asked = [&](int i) {
          return request("GET", "/api/tags?nonce=" + nonce + std::to_string(i));
        };
        TcpPeer asking = client();
        const int kind = id % 4;
        if (kind == 0) {  // leaves at once
          asking.send(asked(0));
          asking.reset();
          continue;
        }
        if (kind == 1) {  // leaves in the middle
          asking.send(asked(0));
          asking.read_until("\r\n\r\n");
          asking.close();
          continue;
        }
        if (kind == 2) asking.send(asked(0) + asked(1) + asked(2));  // pipelines
        for (int i = 0; i < 3; ++i) {
          if (kind == 3) asking.send(asked(i));
          const WireAnswer answer = read_answer(asking);
          const std::string line = "{\"nonce\":\"" + nonce + std::to_string(i) + "\"}\n";
          answer.payload == line + line + line ? ++served : ++foreign;
        }
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(foreign, 0);
  EXPECT_EQ(served, 300);
}

TEST_F(Contract, S3_OnlyTheUpstreamIsEverConnected) {
  ScriptedUpstream elsewhere;
  const std::string other = "127.0.0.1:" + std::to_string(elsewhere.port());
  for (const std::string& text :
       {"GET http://" + other + "/api/tags HTTP/1.1\r\nHost: " + other + "\r\n\r\n",
        "CONNECT " + other + " HTTP/1.1\r\nHost: " + other + "\r\n\r\n",
        "GET //" + other + "/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /@" + other + "/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /?url=http://" + other + "/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: " + other + "\r\nX-Forwarded-Host: " + other +
            "\r\nForwarded: host=" + other + "\r\nX-Original-URL: http://" + other + "/\r\n\r\n"}) {
    TcpPeer asking = client();
    asking.send(text);
    ASSERT_TRUE(eventually([&] { return upstream_.has_connection_now() || asking.has_bytes_now(); })) << text;
    if (upstream_.has_connection_now()) upstream_.accept().close();
    read_answer(asking);
    EXPECT_FALSE(elsewhere.has_connection_now()) << text;
  }
}

std::string asked_of_host(const std::string& host) {
  return "GET /api/tags HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

TEST_F(Contract, S4_ANameThatAnAttackerPointsHereIsForbidden) {
  for (const char* host :
       {"evil.example", "evil.example:11434", "orin.tail1.ts.net", "localhost.evil.example"}) {
    TcpPeer asking = client();
    asking.send(asked_of_host(host));
    ASSERT_TRUE(eventually([&] { return upstream_.has_connection_now() || asking.has_bytes_now(); })) << host;
    EXPECT_FALSE(upstream_.has_connection_now()) << host << " reached the upstream";
    if (upstream_.has_connection_now()) {
      upstream_.accept().close();
      continue;
    }
    EXPECT_EQ(read_answer(asking).status, 403) << host;
  }
  for (const char* host : {"localhost", "127.0.0.1:11434", "jetson.local"}) {
    TcpPeer asking = client();
    asking.send(asked_of_host(host));
    TcpPeer answering = upstream_.accept();
    answering.read_until("\r\n\r\n");
    answering.send(json_answer(200, "{}"));
    EXPECT_EQ(read_answer(asking).status, 200) << host;
  }
}

TEST_F(Contract, S4_AConfiguredNamePasses) {
  if (is_foreign()) GTEST_SKIP() << "configures the relay";
  RelayOptions options;
  options.rules.hosts = make_host_policy({"*.ts.net"}, "127.0.0.1", "jetson");
  start(std::move(options));
  TcpPeer asking = client();
  asking.send(asked_of_host("orin.tail1.ts.net:11434"));
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_until("\r\n\r\n"), asked_of_host("orin.tail1.ts.net:11434"));
}

}  // namespace
}  // namespace tegrascope::test
