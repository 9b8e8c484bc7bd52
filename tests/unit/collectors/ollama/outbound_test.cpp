#include "collectors/ollama/outbound.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "event_queue.hpp"
#include "fake_http_server.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

OutboundOptions quick() {
  OutboundOptions options;
  options.connect_timeout = 200ms;
  options.total_timeout = 200ms;
  options.max_answer_bytes = 1000;
  return options;
}

HttpAnswer get(Outbound& outbound, const std::string& url) {
  EventQueue<HttpAnswer> answers;
  outbound.get(url, [&](HttpAnswer a) { answers.push(std::move(a)); });
  return answers.next().value_or(HttpAnswer{HttpFailure::other, 0, "", "nothing came"});
}

TEST(Outbound, get) {
  EventQueue<FakeRequest> requests;
  FakeHttpServer server{[&](const FakeRequest& r) {
    requests.push(r);
    return FakeHttpServer::answer(200, "hello");
  }};
  Outbound outbound;
  const HttpAnswer answer = get(outbound, server.url() + "/api/version");
  EXPECT_EQ(answer.failure, HttpFailure::none);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  const auto request = requests.next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->path, "/api/version");
  EXPECT_NE(request->head.find("User-Agent: tegrascope/"), std::string::npos);
}

TEST(Outbound, post) {
  EventQueue<FakeRequest> requests;
  FakeHttpServer server{[&](const FakeRequest& r) {
    requests.push(r);
    return FakeHttpServer::answer(404, "no");
  }};
  Outbound outbound;
  EventQueue<HttpAnswer> answers;
  outbound.post_json(server.url() + "/api/show", R"({"model":"a"})",
                     [&](HttpAnswer a) { answers.push(std::move(a)); });
  EXPECT_EQ(answers.next()->status, 404);
  const auto request = requests.next();
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->body, R"({"model":"a"})");
  EXPECT_NE(request->head.find("Content-Type: application/json"), std::string::npos);
}

TEST(Outbound, the_proxy_of_the_environment_is_not_used) {
  FakeHttpServer server{[](const FakeRequest&) { return FakeHttpServer::answer(200, "direct"); }};
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  Outbound outbound;
  EXPECT_EQ(get(outbound, server.url()).body, "direct");
  ::unsetenv("http_proxy");
}

TEST(Outbound, a_redirect_is_not_followed) {
  FakeHttpServer server{[](const FakeRequest&) {
    return std::optional<std::string>{"HTTP/1.1 302 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"};
  }};
  Outbound outbound;
  EXPECT_EQ(get(outbound, server.url()).status, 302);
}

TEST(Outbound, nobody_listens) {
  FakeHttpServer server{[](const FakeRequest&) { return std::nullopt; }};
  server.stop();
  Outbound outbound;
  const HttpAnswer answer = get(outbound, server.url());
  EXPECT_EQ(answer.failure, HttpFailure::unreachable);
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.error, "connection refused");
}

TEST(Outbound, no_answer_in_time) {
  FakeHttpServer server{[](const FakeRequest&) { return std::nullopt; }};
  Outbound outbound{quick()};
  const HttpAnswer answer = get(outbound, server.url());
  EXPECT_EQ(answer.failure, HttpFailure::timeout);
  EXPECT_EQ(answer.error, "no answer in time");
}

TEST(Outbound, an_answer_that_is_too_large) {
  FakeHttpServer server{
      [](const FakeRequest&) { return FakeHttpServer::answer(200, std::string(1001, 'x')); }};
  Outbound outbound{quick()};
  const HttpAnswer answer = get(outbound, server.url());
  EXPECT_EQ(answer.failure, HttpFailure::too_large);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

TEST(Outbound, the_status_is_known_where_the_body_does_not_end) {
  FakeHttpServer server{[](const FakeRequest&) {
    return std::optional<std::string>{"HTTP/1.1 202 X\r\nContent-Length: 10\r\n\r\nhalf"};
  }};
  Outbound outbound{quick()};
  const HttpAnswer answer = get(outbound, server.url());
  EXPECT_EQ(answer.failure, HttpFailure::timeout);
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, "");
}

TEST(Outbound, an_answer_that_is_not_http) {
  FakeHttpServer server{[](const FakeRequest&) { return std::optional<std::string>{"220 smtp ready\r\n"}; }};
  Outbound outbound{quick()};
  EXPECT_EQ(get(outbound, server.url()).failure, HttpFailure::other);
  EXPECT_EQ(get(outbound, "gopher://127.0.0.1/").failure, HttpFailure::other);
  EXPECT_EQ(get(outbound, "http://").failure, HttpFailure::other);
}

TEST(Outbound, tasks_run_in_the_order_of_their_time) {
  Outbound outbound;
  EventQueue<int> order;
  const MonotonicTime now = monotonic_now();
  outbound.call_at(now + 60ms, [&] { order.push(3); });
  outbound.call_at(now + 30ms, [&] { order.push(2); });
  outbound.call_at(MonotonicTime{}, [&] { order.push(1); });
  EXPECT_EQ(order.next(), 1);
  EXPECT_EQ(order.next(), 2);
  EXPECT_EQ(order.next(), 3);
  EXPECT_GE(monotonic_now() - now, 60ms);
}

TEST(Outbound, a_task_may_ask_for_more) {
  FakeHttpServer server{[](const FakeRequest&) { return FakeHttpServer::answer(200, "x"); }};
  Outbound outbound;
  EventQueue<HttpAnswer> answers;
  outbound.call_at(MonotonicTime{}, [&] {
    outbound.get(server.url(), [&](HttpAnswer) {
      outbound.get(server.url(), [&](HttpAnswer a) { answers.push(std::move(a)); });
    });
  });
  EXPECT_EQ(answers.next()->body, "x");
}

TEST(Outbound, stops_at_once_with_a_stalled_transfer) {
  EventQueue<FakeRequest> requests;
  FakeHttpServer server{[&](const FakeRequest& r) {
    requests.push(r);
    return std::nullopt;
  }};
  Outbound outbound;
  bool called = false;
  outbound.get(server.url(), [&](HttpAnswer) { called = true; });
  outbound.call_at(monotonic_now() + 1h, [&] { called = true; });
  ASSERT_TRUE(requests.next());
  const MonotonicTime before = monotonic_now();
  outbound.stop();
  EXPECT_LT(monotonic_now() - before, 50ms);
  outbound.stop();
  outbound.get(server.url(), [&](HttpAnswer) { called = true; });
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace tegrascope
