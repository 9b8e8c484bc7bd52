#include "exporters/http/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporters/http/gzip.hpp"
#include "sample_snapshots.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpRequest request(const std::string& path, bool loopback = true) {
  HttpRequest r;
  r.method = "GET";
  r.path = path;
  r.loopback = loopback;
  return r;
}

TEST(Endpoints, metrics) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {"0.1.0", ""}};
  const HttpReply reply = endpoints(request("/metrics"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(*reply.body, HasSubstr("tegrascope_ollama_up{server=\"127.0.0.1:11434\"} 1\n"));
  EXPECT_EQ(endpoints(request("/metrics")).body, reply.body);
}

// No family is about the scrape itself, so nothing is left out of the comparison.
TEST(Endpoints, scrapes_change_nothing_and_scrapers_agree) {
  Snapshot next = full_snapshot();
  next.at += std::chrono::seconds(1);
  next.readings.front().value += 1;
  FixedSource source{full_snapshot()};
  Endpoints asked_often{source, {"0.1.0", ""}};
  const std::string first = *asked_often(request("/metrics")).body;
  HttpRequest packed = request("/metrics");
  packed.accept_encoding = "gzip";
  for (int i = 0; i < 100; ++i) {
    for (const char* page : {"/", "/-/ready", "/api/v1/events", "/api/v1/ledger", "/api/v1/requests"})
      asked_often(request(page));
    asked_often(packed);
    ASSERT_EQ(*asked_often(request("/metrics", i % 2 == 0)).body, first);
  }
  Endpoints other{source, {"0.1.0", ""}};
  EXPECT_EQ(*other(request("/metrics")).body, first);
  EXPECT_EQ(*other(packed).body, *asked_often(packed).body);

  source.set(next);
  Endpoints never_asked{source, {"0.1.0", ""}};
  const std::string second = *never_asked(request("/metrics")).body;
  EXPECT_NE(second, first);
  EXPECT_EQ(*asked_often(request("/metrics")).body, second);
  EXPECT_EQ(*other(request("/metrics")).body, second);
}

TEST(Endpoints, metrics_as_gzip_for_those_who_take_it) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {"0.1.0", ""}};
  HttpRequest asked = request("/metrics");
  asked.accept_encoding = "gzip";
  const HttpReply packed = endpoints(asked);
  EXPECT_TRUE(packed.gzip);
  EXPECT_TRUE(packed.vary_by_encoding);
  EXPECT_THAT(*packed.body, testing::StartsWith("\x1f\x8b"));
  EXPECT_EQ(endpoints(asked).body, packed.body);
  const HttpReply plain = endpoints(request("/metrics"));
  EXPECT_FALSE(plain.gzip);
  EXPECT_TRUE(plain.vary_by_encoding);
}

TEST(AcceptsGzip, as_the_field_says) {
  for (const char* yes :
       {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", " gzip ;q=1.0", "*", "br;q=1, *;q=0.1"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "identity", "deflate, br", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzipped"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST(Endpoints, healthy) {
  FixedSource source;
  Endpoints endpoints{source, {}};
  EXPECT_EQ(endpoints(request("/-/healthy")).status, 200);
  EXPECT_EQ(*endpoints(request("/-/healthy")).body, "tegrascope is healthy.\n");
}

TEST(Endpoints, ready_from_the_first_reading_on) {
  FixedSource source;
  Endpoints endpoints{source, {}};
  EXPECT_EQ(endpoints(request("/-/ready")).status, 503);
  EXPECT_THAT(*endpoints(request("/-/ready")).body, HasSubstr("not ready: "));
  source.set(full_snapshot());
  EXPECT_EQ(endpoints(request("/-/ready")).status, 200);
  source.set(Snapshot{});
  EXPECT_EQ(endpoints(request("/-/ready")).status, 200);
}

TEST(Endpoints, unknown_pages) {
  FixedSource source;
  Endpoints endpoints{source, {}};
  for (const char* path : {"/metrics/", "/metric", "/-/", "", "//", "/api/v1/nothing", "/index.html"}) {
    EXPECT_EQ(endpoints(request(path)).status, 404) << path;
  }
}

TEST(Endpoints, requests_with_their_evidence) {
  Snapshot snapshot;
  snapshot.at = MonotonicTime{std::chrono::seconds(100)};
  RequestRecord record;
  record.id = 7;
  record.model = "qwen2.5:7b";
  record.ended = MonotonicTime{std::chrono::seconds(90)};
  record.verdict.placement = Placement::cpu;
  record.verdict.flags = {"declared_mismatch"};
  record.verdict.evidence = {{"api_ps", "/api/ps says 100 % GPU", -1, -1}};
  snapshot.recent = {record};
  FixedSource source{snapshot};
  Endpoints endpoints{source, {}};
  const HttpReply all = endpoints(request("/api/v1/requests"));
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.content_type, "application/json");
  EXPECT_THAT(*all.body, HasSubstr("\"ended_seconds_ago\": 10.0"));
  EXPECT_THAT(*all.body, Not(HasSubstr("api_ps")));
  const HttpReply one = endpoints(request("/api/v1/requests/7"));
  EXPECT_THAT(*one.body, HasSubstr("\"placement\": \"cpu\""));
  EXPECT_THAT(*one.body, HasSubstr("/api/ps says 100 % GPU"));
  EXPECT_EQ(endpoints(request("/api/v1/requests/8")).status, 404);
  EXPECT_EQ(endpoints(request("/api/v1/requests/")).status, 404);
  EXPECT_EQ(endpoints(request("/api/v1/requests", false)).status, 404);
}

TEST(Endpoints, pages_about_requests_are_for_hosts_that_nobody_else_can_name) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {}, "Jetson"};
  for (const char* path : {"/", "/api/v1/requests", "/api/v1/events", "/api/v1/nothing"}) {
    HttpRequest asked = request(path);
    asked.host = "rebound.example:11480";
    const HttpReply reply = endpoints(asked);
    EXPECT_EQ(reply.status, 403) << path;
    EXPECT_THAT(*reply.body, HasSubstr("this machine's name only"));
    asked.host = "jetson:11480";
    EXPECT_NE(endpoints(asked).status, 403) << path;
  }
  HttpRequest scrape = request("/metrics");
  scrape.host = "board.example";
  EXPECT_EQ(endpoints(scrape).status, 200);
}

TEST(Endpoints, own_hosts) {
  for (const char* own : {"", "127.0.0.1", "127.0.0.1:11480", "[::1]", "[::1]:11480", "192.0.2.7:1",
                          "localhost", "LocalHost:11480", "jetson", "JETSON:11480"})
    EXPECT_TRUE(is_own_host(own, "jetson")) << own;
  for (const char* other : {"a.example", "a.example:11480", "localhost.example", "127.0.0.1.example:1",
                            "jetson.evil", "jetso", ":11480", "[", "]:1"})
    EXPECT_FALSE(is_own_host(other, "jetson")) << other;
  EXPECT_FALSE(is_own_host("jetson", ""));
}

TEST(Endpoints, beyond_loopback_only_what_monitoring_needs) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {}};
  EXPECT_EQ(endpoints(request("/", true)).status, 200);
  EXPECT_EQ(endpoints(request("/", false)).status, 404);
  EXPECT_EQ(endpoints(request("/metrics", false)).status, 200);
  EXPECT_EQ(endpoints(request("/-/ready", false)).status, 200);
}

TEST(Endpoints, events_to_this_machine_only) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {"0.1.0", ""}};
  const HttpReply reply = endpoints(request("/api/v1/events"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_EQ(
      *reply.body,
      R"({"events":[{"kind":"fallback","time":"2023-11-14T22:13:20.012Z","monotonic_ns":90000000000,)"
      R"("server":"127.0.0.1:11434","model":"qwen2.5:7b","reason":"container-lost-gpu",)"
      R"("cure":"docker restart ollama","text":"runs on the CPU"}],"counts":{"fallback":1,"recovery":0}})"
      "\n");
  EXPECT_EQ(endpoints(request("/api/v1/events", false)).status, 404);
  EXPECT_EQ(endpoints(request("/api/v1/event")).status, 404);
}

TEST(Endpoints, landing_page) {
  const std::string page = landing_page(full_snapshot(), {"0.1.0", ""});
  EXPECT_THAT(page, HasSubstr("<h1>tegrascope 0.1.0</h1>"));
  EXPECT_THAT(page, HasSubstr("NVIDIA Jetson Orin Nano &quot;8GB&quot;, L4T 36.4.4, JetPack 6.2.1"));
  EXPECT_THAT(page, HasSubstr("127.0.0.1:11434 is up, version 0.33.0"));
  EXPECT_THAT(page, HasSubstr("<td>qwen2.5:7b</td><td>gpu</td>"));
  EXPECT_THAT(page, HasSubstr("href=\"/metrics\""));
}

TEST(Endpoints, landing_page_escapes_names_from_outside) {
  Snapshot s = full_snapshot();
  s.models[0].model = "<script>alert('x')</script>";
  s.models[0].placement.reset();
  const std::string page = landing_page(s, {"0.1.0", ""});
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</td><td>not judged yet</td>"));
}

TEST(Endpoints, landing_page_of_an_empty_board) {
  const std::string page = landing_page(Snapshot{}, {"0.1.0", ""});
  EXPECT_THAT(page, HasSubstr("unknown board"));
  EXPECT_THAT(page, HasSubstr("No Ollama server was found."));
}

}  // namespace
}  // namespace tegrascope
