#include "agent/app/web_hook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>

#include "tests/support/eventually.hpp"
#include "tests/support/no_root_rights.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/event_queue.hpp"
#include "tests/unit/collectors/ollama/fake_http_server.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::HasSubstr;

Event fallback(const std::string& model = "qwen2.5:7b") {
  Event event;
  event.kind = EventKind::fallback;
  event.wall = WallTime{1'700'000'000s};
  event.server = "127.0.0.1:11434";
  event.model = model;
  event.reason = ReasonClass::container_lost_gpu;
  event.text = "runs on the CPU";
  return event;
}

WebHookOptions options_for(const FakeHttpServer& server) {
  WebHookOptions options;
  options.url = server.url() + "/hook?token=1";
  options.secret = "s3cret";
  options.host = "jetson";
  options.first_pause = 1ms;
  options.longest_pause = 5ms;
  options.tries = 4;
  return options;
}

TEST(WebHook, PostsASignedEvent) {
  EventQueue<FakeRequest> requests;
  FakeHttpServer server{[&](const FakeRequest& r) {
    requests.push(r);
    return FakeHttpServer::answer(204, "");
  }};
  Outbound outbound;
  WebHook hook(outbound, options_for(server));
  hook.send(fallback());
  const auto request = requests.next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/hook?token=1");
  EXPECT_EQ(
      request->body,
      R"({"host":"jetson","event":{"kind":"fallback","time":"2023-11-14T22:13:20.000Z","monotonic_ns":0,)"
      R"("server":"127.0.0.1:11434","model":"qwen2.5:7b","reason":"container-lost-gpu","cure":"",)"
      R"("text":"runs on the CPU"}})");
  EXPECT_THAT(request->head, HasSubstr("X-Tegrascope-Event: fallback\r\n"));
  EXPECT_THAT(request->head, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(request->head,
              HasSubstr("X-Tegrascope-Signature: "
                        "sha256=6fd8aec85b8f807c698f74422712b0570ba5786f034d1b8a08b2b541644a12a9\r\n"));
  EXPECT_TRUE(eventually([&] { return hook.view().delivered == 1; }));
  outbound.stop();
}

// RFC 4231, test cases 1, 2, 3, 6 and 7 (keys longer than a block).
TEST(WebHook, SignsAsTheRfcSays) {
  EXPECT_EQ(web_hook_signature(std::string(20, '\x0b'), "Hi There"),
            "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(web_hook_signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(web_hook_signature(std::string(20, '\xaa'), std::string(50, '\xdd')),
            "sha256=773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(web_hook_signature(long_key, "Test Using Larger Than Block-Size Key - Hash Key First"),
            "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(
      web_hook_signature(long_key,
                         "This is a test using a larger than block-size key and a larger than block-size "
                         "data. The key needs to be hashed before being used by the HMAC algorithm."),
      "sha256=9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(WebHook, TriesAgainAndKeepsTheOrder) {
  EventQueue<std::string> models;
  std::atomic<int> answers{0};
  FakeHttpServer server{[&](const FakeRequest& r) {
    if (++answers <= 2) return FakeHttpServer::answer(answers == 1 ? 503 : 429, "");
    models.push(r.body);
    return FakeHttpServer::answer(200, "");
  }};
  Outbound outbound;
  WebHook hook(outbound, options_for(server));
  hook.send(fallback("a"));
  hook.send(fallback("b"));
  EXPECT_THAT(models.next().value_or(""), HasSubstr("\"a\""));
  EXPECT_THAT(models.next().value_or(""), HasSubstr("\"b\""));
  EXPECT_TRUE(eventually([&] { return hook.view().delivered == 2; }));
  EXPECT_EQ(hook.view().failed, 0u);
  outbound.stop();
}

TEST(WebHook, GivesUpAfterItsTriesOrAFinalAnswer) {
  std::atomic<int> asked{0};
  std::atomic<int> status{500};
  FakeHttpServer server{[&](const FakeRequest&) {
    ++asked;
    return FakeHttpServer::answer(status, "");
  }};
  Outbound outbound;
  WebHook hook(outbound, options_for(server));
  hook.send(fallback());
  EXPECT_TRUE(eventually([&] { return hook.view().failed == 1; }));
  EXPECT_EQ(asked, 4);
  status = 404;
  hook.send(fallback());
  EXPECT_TRUE(eventually([&] { return hook.view().failed == 2; }));
  EXPECT_EQ(asked, 5);
  outbound.stop();
}

TEST(WebHook, WhatWasAnsweredIsNotPostedAgainBecauseOfItsBody) {
  std::atomic<int> asked{0};
  FakeHttpServer server{[&](const FakeRequest&) {
    // Ends never, is too large, is refused and ends never.
    const char* status = ++asked <= 2 ? "200" : "404";
    const std::string length = asked == 2 ? "9999" : "10";
    return std::optional<std::string>{"HTTP/1.1 " + std::string(status) + " X\r\nContent-Length: " + length +
                                      "\r\n\r\n" + (asked == 2 ? std::string(9999, 'x') : "half")};
  }};
  OutboundOptions options;
  options.total_timeout = 200ms;
  options.max_answer_bytes = 1000;
  Outbound outbound(options);
  WebHook hook(outbound, options_for(server));
  hook.send(fallback("a"));
  hook.send(fallback("b"));
  EXPECT_TRUE(eventually([&] { return hook.view().delivered == 2; }));
  hook.send(fallback("c"));
  EXPECT_TRUE(eventually([&] { return hook.view().failed == 1; }));
  EXPECT_EQ(asked, 3);
  outbound.stop();
}

TEST(WebHook, TellsOfTheFirstFailureOnceUntilItWorksAgain) {
  std::atomic<int> asked{0};
  FakeHttpServer server{[&](const FakeRequest&) {
    const int n = ++asked;
    return FakeHttpServer::answer(n == 3 || n == 5 ? 200 : 503, "");
  }};
  testing::internal::CaptureStdout();  // where the log goes unless it is configured
  testing::internal::CaptureStderr();
  Outbound outbound;
  WebHook hook(outbound, options_for(server));
  hook.send(fallback("a"));
  hook.send(fallback("b"));
  EXPECT_TRUE(eventually([&] { return hook.view().delivered == 2; }));
  outbound.stop();
  const std::string log = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
  const auto count = [&log](const std::string& text) {
    std::size_t n = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("did not take an event, see --events.webhook-url; it will be tried again"), 2u) << log;
  EXPECT_EQ(count("takes events again"), 2u) << log;
}

TEST(WebHook, DropsWhatDoesNotFitAndNeverWaits) {
  FakeHttpServer server{[](const FakeRequest&) { return std::optional<std::string>(); }};  // never answers
  Outbound outbound;
  WebHook hook(outbound, options_for(server));
  for (int i = 0; i < 100; ++i) hook.send(fallback());
  EXPECT_EQ(hook.view().dropped, 36u);
  outbound.stop();
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(WebHook, TakesOnlyHttpAndHttps) {
  for (const char* url : {"http://host", "https://host:8443/path?token=x", "http://[::1]:9/x",
                          "https://u:p@h/x", "http://h?a=b:c", "http://my_host:65535/"})
    EXPECT_NO_THROW(check_web_hook_url(url));
  for (const char* url :
       {"ftp://host", "file:///etc/passwd", "host/path", "http://", "http:///x", "http://a b", "http://?",
        "http://h:99999/", "http://h:x/", "http://h:0/", "http://u@/", "http://[::1/"})
    EXPECT_THAT(refusal([&] { check_web_hook_url(url); }), HasSubstr("write http://host/path"));
  EXPECT_THAT(refusal([] { check_web_hook_url("gopher://h/?token=t0p"); }), testing::Not(HasSubstr("t0p")));
}

TEST(WebHook, TheSecretIsTheFirstLineOfAFileThatIsNotPublic) {
  test::TempTree tree;
  tree.write("secret", "s3cret\r\nmore\n");
  const std::string file = (tree.root() / "secret").string();
  EXPECT_THAT(refusal([&] { read_secret(file); }), HasSubstr("chmod o-rwx"));
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  EXPECT_EQ(read_secret(file), "s3cret");
  tree.write("empty", "\nx\n");
  EXPECT_THAT(refusal([&] { read_secret((tree.root() / "empty").string()); }), HasSubstr("empty"));
  EXPECT_THAT(refusal([&] { read_secret((tree.root() / "none").string()); }),
              HasSubstr("none cannot be read: No such file"));
  EXPECT_THAT(refusal([&] { read_secret(tree.root().string()); }),
              HasSubstr("cannot be read: Is a directory"));
  std::filesystem::permissions(file, std::filesystem::perms::none);
  const test::NoRootRights no_rights;
  EXPECT_THAT(refusal([&] { read_secret(file); }), HasSubstr("cannot be read: Permission denied; give it"));
}

}  // namespace
}  // namespace tegrascope
