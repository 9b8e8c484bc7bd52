#include "collectors/ollama/http_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

using std::string_literals::operator""s;

// Heads that two parsers could read differently, or that are no HTTP/1 at all. None may reach Ollama.
const std::pair<const char*, std::string> kAmbiguous[] = {
    {"length and chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"chunked and length",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
    {"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
    {"two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
    {"length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"},
    {"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"},
    {"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
    {"hex length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"},
    {"zero-filled length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\n"},
    {"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
    {"length beyond 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n"},
    {"coding gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
    {"coding xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
    {"coding chunked, gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"},
    {"coding gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
    {"coding chunked, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
    {"quoted coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
    {"coding in capitals", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n"},
    {"coding identity and length",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n"},
    {"empty coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"},
    {"coding twice",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"coding on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"vertical tab before coding",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n"},
    {"underscore length", "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n"},
    {"underscore coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n"},
    {"folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"},
    {"folded coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n"},
    {"fold before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {"bare LF lines", "GET / HTTP/1.1\nHost: a\n\n"},
    {"one bare LF", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"},
    {"bare LF as last line", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {"bare CR", "GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n"},
    {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\0002\r\n\r\n"s},
    {"control byte in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"},
    {"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"},
    {"blank before the colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"},
    {"tab before the colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n"},
    {"name with a blank", "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"},
    {"empty name", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"},
    {"line without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"},
    {"byte over 0x7f in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa4: 1\r\n\r\n"},
    {"no Host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {"two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
    {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {"absolute form", "GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"authority form", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"target without slash", "GET api/chat HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"byte over 0x7f in the target", "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"tab as separator", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"},
    {"trailing blank", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {"version in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {"HTTP/0.9", "GET /\r\nHost: a\r\n\r\n"},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"blank line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two Hosts, one empty", "GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n"},
    {"Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:b\r\n\r\n"},
    {"Host with a name as port", "GET / HTTP/1.1\r\nHost: localhost:evil.example\r\n\r\n"},
    {"Host with a port beyond 65535", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
    {"Host that is only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"},
    {"Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {"Host with text behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]evil.example\r\n\r\n"},
    {"percent in Host", "GET / HTTP/1.1\r\nHost: a%00b\r\n\r\n"},
    {"length beyond 63 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"},
    {"length with a unit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"},
    {"length with a comma", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,6\r\n\r\n"},
    {"length with a full stop", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"},
    {"length behind a fold", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\n"},
    {"length, chunked and 1.0",
     "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"coding with a parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"},
    {"coding behind a comma", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n"},
    {"coding twice, one identity",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"two CR", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"},
    {"bare CR in the request line", "GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"bare CR before the blank line", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"},
    {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s},
    {"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n"s},
    {"odd expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n"},
};

std::optional<Refusal> refusal_of(const std::string& text) {
  auto found = find_request_head_end(text, 0);
  if (auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  const auto end = std::get<std::optional<std::size_t>>(found);
  if (!end) return std::nullopt;
  auto checked = check_request_head(std::string_view(text).substr(0, *end));
  if (auto* refusal = std::get_if<Refusal>(&checked)) return *refusal;
  return std::nullopt;
}

TEST(RequestHeadCheck, RefusesWhatTwoParsersCouldReadDifferently) {
  for (const auto& [name, text] : kAmbiguous) {
    const auto refusal = refusal_of(text);
    ASSERT_TRUE(refusal) << name;
    EXPECT_TRUE(refusal->status == 400 || refusal->status == 501) << name;
    EXPECT_FALSE(refusal->message.empty()) << name;
  }
}

TEST(RequestHeadCheck, AcceptsWhatRealClientsSend) {
  const std::pair<const char*, const char*> clients[] = {
      {"curl",
       "POST /api/generate HTTP/1.1\r\nHost: jetson.local:11434\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
       "Content-Length: 64\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"},
      {"curl with a big body",
       "POST /api/chat HTTP/1.1\r\nHost: [::1]:11434\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"
       "Content-Length: 2000000\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\r\n"},
      {"curl --http2",
       "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nConnection: Upgrade, "
       "HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"},
      {"ollama CLI (Go)",
       "POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nUser-Agent: ollama/0.33.0 (arm64 linux) "
       "Go/go1.26.0\r\nTransfer-Encoding: chunked\r\nAccept: application/x-ndjson\r\nContent-Type: "
       "application/json\r\nAccept-Encoding: gzip\r\n\r\n"},
      {"ollama CLI probe", "HEAD / HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nUser-Agent: ollama/0.33.0\r\n\r\n"},
      {"python-requests",
       "POST /api/embed HTTP/1.1\r\nHost: localhost:11434\r\nUser-Agent: python-requests/2.31.0\r\n"
       "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: "
       "41\r\nContent-Type: application/json\r\n\r\n"},
      {"httpx",
       "POST /api/chat HTTP/1.1\r\nHost: localhost:11434\r\nAccept: application/json\r\nAccept-Encoding: "
       "gzip, "
       "deflate, br, zstd\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nUser-Agent: "
       "ollama-python/0.5.1 (aarch64 linux) Python/3.10.12\r\nContent-Length: 120\r\n\r\n"},
      {"undici",
       "POST /api/chat HTTP/1.1\r\nhost: localhost:11434\r\nconnection: keep-alive\r\nContent-Type: "
       "application/json\r\naccept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: "
       "node\r\naccept-encoding: gzip, deflate\r\ncontent-length: 84\r\n\r\n"},
      {"OpenAI SDK",
       "POST /v1/chat/completions HTTP/1.1\r\nHost: jetson:11434\r\nAccept-Encoding: gzip, deflate\r\n"
       "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\nUser-Agent: "
       "OpenAI/Python 1.40.0\r\nX-Stainless-Lang: python\r\nX-Stainless-Async: false\r\nAuthorization: "
       "Bearer "
       "ollama\r\nContent-Length: 99\r\n\r\n"},
      {"browser",
       "POST /api/chat HTTP/1.1\r\nHost: 192.168.1.20:11434\r\nConnection: keep-alive\r\nContent-Length: "
       "17\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nOrigin: http://192.168.1.20:3000\r\nReferer: "
       "http://192.168.1.20:3000/\r\nCookie: name=M\xc3\xbcller\r\n\r\n"},
      {"Java HttpClient",
       "POST /api/generate HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 10\r\nHost: "
       "localhost:11434\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
       "User-Agent: Java-http-client/17.0.9\r\n\r\n"},
      {"ab on 1.0",
       "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: localhost:11434\r\nUser-Agent: "
       "ApacheBench/2.3\r\nAccept: */*\r\n\r\n"},
      {"1.0 without Host", "GET / HTTP/1.0\r\n\r\n"},
      {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
      {"query", "GET /v1/models?x=%20a&y[]=1 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"GET with an empty body", "GET /api/tags HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
      {"DELETE with a body",
       "DELETE /api/delete HTTP/1.1\r\nHost: localhost:11434\r\nContent-Length: 15\r\nContent-Type: "
       "application/json\r\n\r\n"},
      {"IPv6 with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]:11434\r\n\r\n"},
      {"empty port", "GET / HTTP/1.1\r\nHost: localhost:\r\n\r\n"},
      {"harmless underscore", "GET / HTTP/1.1\r\nHost: a\r\nx_request_id: 1\r\n\r\n"},
  };
  for (const auto& [name, text] : clients) {
    const auto refusal = refusal_of(text);
    EXPECT_FALSE(refusal) << name << ": " << (refusal ? refusal->message : "");
  }
}

RequestHead head_of(const std::string& text) {
  auto checked = check_request_head(text);
  EXPECT_TRUE(std::holds_alternative<RequestHead>(checked));
  return std::get<RequestHead>(checked);
}

TEST(RequestHeadCheck, TellsWhatTheHeadSays) {
  const RequestHead post = head_of(
      "POST /api/chat?a=1 HTTP/1.1\r\nHost: Jetson:11434\r\nContent-Length: 5000000000\r\n"
      "Expect: 100-Continue\r\nContent-Encoding: zstd\r\n\r\n");
  EXPECT_EQ(post.method, "POST");
  EXPECT_EQ(post.target, "/api/chat?a=1");
  EXPECT_EQ(post.host, "Jetson:11434");
  EXPECT_EQ(post.framing, Framing::length);
  EXPECT_EQ(post.content_length, 5000000000U);
  EXPECT_TRUE(post.expects_continue);
  EXPECT_TRUE(post.encoded);
  EXPECT_TRUE(post.keep_alive);
  EXPECT_EQ(head_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").framing,
            Framing::chunked);
  EXPECT_EQ(head_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n").framing, Framing::none);
  EXPECT_FALSE(head_of("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.0\r\nHost: a\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
}

TEST(RequestHeadEnd, IsFoundAtEveryCut) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string text = head + "body";
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    std::size_t scanned = 0;
    std::optional<std::size_t> end;
    for (const std::size_t size : {cut, text.size()}) {
      const auto found = find_request_head_end(std::string_view(text).substr(0, size), scanned);
      ASSERT_FALSE(std::holds_alternative<Refusal>(found)) << cut;
      end = std::get<std::optional<std::size_t>>(found);
      if (end) break;
      scanned = size;
    }
    EXPECT_EQ(end, head.size()) << cut;
  }
}

TEST(RequestHeadEnd, RefusesAHeadOver64KiB) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  EXPECT_TRUE(std::holds_alternative<std::optional<std::size_t>>(find_request_head_end(text, 0)));
  text.append(kMaxHeadBytes, 'x');
  const auto found = find_request_head_end(text, 0);
  ASSERT_TRUE(std::holds_alternative<Refusal>(found));
  EXPECT_EQ(std::get<Refusal>(found).status, 431);
}

TEST(ResponseHead, TellsFramingAndType) {
  const auto stream = read_response_head(
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson; charset=utf-8\r\nTransfer-Encoding: "
      "chunked\r\n\r\n",
      false);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->status, 200);
  EXPECT_EQ(stream->framing, Framing::chunked);
  EXPECT_EQ(stream->content_type, "application/x-ndjson");
  const auto sized = read_response_head(
      "HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\nContent-Encoding: gzip\r\n\r\n", false);
  ASSERT_TRUE(sized);
  EXPECT_EQ(sized->framing, Framing::length);
  EXPECT_EQ(sized->content_length, 12U);
  EXPECT_TRUE(sized->encoded);
  EXPECT_EQ(read_response_head("HTTP/1.0 200 OK\r\n\r\n", false)->framing, Framing::until_close);
}

TEST(ResponseHead, SomeAnswersHaveNoBody) {
  const std::string fields = "Content-Length: 12\r\n\r\n";
  EXPECT_EQ(read_response_head("HTTP/1.1 200 OK\r\n" + fields, true)->framing, Framing::none);
  for (const char* status : {"100 Continue", "204 No Content", "304 Not Modified"}) {
    EXPECT_EQ(read_response_head("HTTP/1.1 " + std::string(status) + "\r\n" + fields, false)->framing,
              Framing::none);
  }
}

TEST(ResponseHead, OtherTextIsNone) {
  for (const char* text :
       {"", "\r\n", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n"}) {
    EXPECT_FALSE(read_response_head(text, false)) << text;
  }
}

}  // namespace
}  // namespace tegrascope
