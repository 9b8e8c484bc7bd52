// Starting and stopping the relay.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <system_error>

#include "tests/unit/collectors/ollama/relay_fixture.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

const std::string kAsked = request("POST", "/api/chat", R"({"model":"m"})");

bool refuses_connections(std::uint16_t port) {
  return eventually([&] {
    try {
      TcpPeer::connect(port);
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  });
}

TEST_F(RelayTest, StopWaitsForAStreamAndTakesNobodyNew) {
  const std::uint16_t port = relay_->ports().front();
  TcpPeer idle = client();
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  const std::string begun = chunked_head("application/x-ndjson") + chunk(chat_token("a"));
  answering.send(begun);
  asking.read_exactly(begun.size());

  auto stopped = std::async(std::launch::async, [&] { relay_->stop(); });
  EXPECT_EQ(idle.wait_for_end(), TcpPeer::End::fin) << "idle connections go at once";
  EXPECT_TRUE(refuses_connections(port));
  const std::string more = chunk(chat_token("b"));
  answering.send(more);
  EXPECT_EQ(asking.read_exactly(more.size()), more);
  EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);
  const std::string last = chunk(kChatFinal) + std::string(kLastChunk);
  answering.send(last);
  EXPECT_EQ(asking.read_to_end(), last);
  ASSERT_EQ(stopped.wait_for(kDeadline), std::future_status::ready);
  ASSERT_EQ(log_.ended().size(), 1U);
  EXPECT_EQ(log_.ended()[0].outcome, Outcome::ok);
  EXPECT_EQ(log_.ended()[0].content_chunks, 2U);
}

TEST_F(RelayTest, StopResetsWhatDoesNotFinish) {
  RelayOptions options;
  options.drain_time = 50ms;
  start(std::move(options));
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  relay_->stop();
  EXPECT_EQ(asking.wait_for_end(), TcpPeer::End::reset);
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::reset);
  ASSERT_EQ(log_.ended().size(), 1U);
  EXPECT_EQ(log_.ended()[0].outcome, Outcome::incomplete);
  EXPECT_EQ(relay_->counts().in_flight, 0U);
  relay_->stop();
}

TEST_F(RelayTest, StopDeliversWhatIsStillBeingParsed) {
  TcpPeer asking = client();
  asking.send(request("POST", "/api/embed", R"({"model":"m"})"));
  TcpPeer answering = upstream_.accept();
  answering.read_until("}");
  std::string numbers = "1";
  while (numbers.size() < 100000) numbers += ",1";
  const std::string answered =
      json_answer(200, R"({"embeddings":[[)" + numbers + R"(]],"prompt_eval_count":4})");
  answering.send(answered);
  asking.read_exactly(answered.size());
  relay_->stop();
  ASSERT_EQ(log_.ended().size(), 1U);
  ASSERT_TRUE(log_.ended()[0].counts);
  EXPECT_EQ(log_.ended()[0].counts->prompt_tokens, 4);
}

TEST_F(RelayTest, StopAcceptingKeepsConnections) {
  const std::uint16_t port = relay_->ports().front();
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  relay_->stop_accepting();
  EXPECT_TRUE(refuses_connections(port));
  const std::string answered = json_answer(200, R"({"done":true})");
  answering.send(answered);
  EXPECT_EQ(asking.read_exactly(answered.size()), answered);
}

TEST_F(RelayTest, ATakenAddressIsNamed) {
  RequestIds ids;
  const std::string address = "127.0.0.1:" + std::to_string(relay_->ports().front());
  RelayOptions options;
  options.listen_addresses = {address};
  Relay second(options, ids, [](RequestEvent&&) {});
  try {
    second.start();
    FAIL() << "it started";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find(address), std::string::npos) << error.what();
  }
}

TEST_F(RelayTest, ABadAddressIsNamed) {
  RequestIds ids;
  for (const char* address : {"nonsense", "127.0.0.1:99999", "127.0.0.1:"}) {
    RelayOptions options;
    options.listen_addresses = {address};
    Relay relay(options, ids, [](RequestEvent&&) {});
    try {
      relay.start();
      FAIL() << address;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(address), std::string::npos) << error.what();
    }
  }
}

TEST_F(RelayTest, NoDescriptorIsInheritedByChildren) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  DIR* directory = ::opendir("/proc/self/fd");
  ASSERT_NE(directory, nullptr);
  const int own = ::dirfd(directory);
  int sockets = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    char target[64] = {};
    if (fd <= 2 || fd == own || ::readlinkat(own, entry->d_name, target, sizeof target - 1) < 0) continue;
    if (std::string(target).rfind("socket:", 0) != 0) continue;
    ++sockets;
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC) << fd;
  }
  ::closedir(directory);
  EXPECT_GE(sockets, 6);
}

}  // namespace
}  // namespace tegrascope::test
