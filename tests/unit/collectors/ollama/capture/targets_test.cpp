#include "collectors/ollama/capture/targets.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

OllamaServer server(const std::string& address, std::int64_t pid = 0) {
  return {address, "http://" + address, pid};
}

class Targets : public testing::Test {
 protected:
  // "ADDRESS:PORT INODE" in the kernel's hex, listening.
  void listen(const std::string& process, const std::string& address, const std::string& inode) const {
    tree_.write("proc/" + process + "/net/tcp", "  sl  local_address rem_address   st\n 0: " + address +
                                                    " 00000000:0000 0A 0:0 00:0 0 1000 0 " + inode + " 1\n");
  }
  std::vector<CaptureTarget> find(const OllamaServer& s) const {
    return capture_targets({s}, tree_.host_paths());
  }
  static std::string text(const CaptureTarget& t) {
    std::string out = t.any_local ? "any" : "";
    for (const IpAddress& a : t.addresses) out += (out.empty() ? "" : " ") + to_string(a);
    return out + ":" + std::to_string(t.port);
  }
  test::TempTree tree_;
};

TEST_F(Targets, AWildcardListenerIsReachedAtEveryLocalAddress) {
  listen("self", "00000000:2CAA", "1");
  EXPECT_EQ(text(find(server("127.0.0.1:11434")).at(0)), "any:11434");
}

TEST_F(Targets, AListenerOnLoopbackOnlyThere) {
  listen("self", "0100007F:2CAA", "1");
  EXPECT_EQ(text(find(server("127.0.0.1:11434")).at(0)), "127.0.0.1:11434");
}

TEST_F(Targets, NothingKnownOfTheListener) {
  EXPECT_EQ(text(find(server("127.0.0.1:11434")).at(0)), "127.0.0.1:11434");
  EXPECT_EQ(text(find(server("192.168.1.9:11434")).at(0)), "192.168.1.9:11434");
}

TEST_F(Targets, APublishedPortLeadsToTheContainersOwnAddress) {
  std::string proxy =
      "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 3002 -container-ip 172.17.0.2 "
      "-container-port 11434";
  for (char& c : proxy) c = c == ' ' ? '\0' : c;
  tree_.write("proc/77/cmdline", proxy + '\0');
  listen("self", "00000000:0BBA", "1");
  const auto found = find(server("127.0.0.1:3002"));
  EXPECT_EQ(text(found.at(0)), "172.17.0.2:11434");
  EXPECT_EQ(found[0].server, "127.0.0.1:3002");
}

TEST_F(Targets, AServeInAnotherNamespaceIsSeenAtThatNamespacesAddresses) {
  listen("self", "00000000:0016", "1");
  listen("88", "00000000:2CAA", "2");
  tree_.write("proc/88/net/fib_trie",
              "Local:\n  |-- 127.0.0.1\n   /32 host LOCAL\n  |-- 172.18.0.5\n   /32 host LOCAL\n");
  tree_.write("proc/88/net/if_inet6",
              "00000000000000000000000000000001 01 80 10 80       lo\n"
              "fe800000000000000042acfffe110002 02 40 20 80     eth0\n"
              "fd000000000000000000000000000005 02 40 00 80     eth0\n");
  EXPECT_EQ(text(find(server("127.0.0.1:3002", 88)).at(0)), "172.18.0.5 fd00::5:11434");
}

TEST_F(Targets, WhereSomebodyListensHereTheServeOfAnotherNamespaceIsNotMeant) {
  listen("self", "00000000:2CAA", "1");
  listen("88", "00000000:2CAA", "2");
  tree_.write("proc/88/net/fib_trie", "Local:\n  |-- 172.18.0.5\n   /32 host LOCAL\n");
  EXPECT_EQ(text(find(server("127.0.0.1:11434", 88)).at(0)), "any:11434");
  EXPECT_EQ(text(find(server("192.168.1.9:11434", 88)).at(0)), "192.168.1.9:11434") << "another machine";
}

TEST_F(Targets, AServeInThisNamespaceSharesItsSockets) {
  listen("self", "00000000:2CAA", "1");
  listen("88", "00000000:2CAA", "1");
  EXPECT_EQ(text(find(server("127.0.0.1:11434", 88)).at(0)), "any:11434");
}

TEST(CaptureFilter, SaysWhereAndWhat) {
  EXPECT_EQ(capture_filter({}), "");
  const std::string any = capture_filter({{"s", 11434, true, {}}});
  EXPECT_NE(any.find("(tcp port 11434)"), std::string::npos) << any;
  const std::string two =
      capture_filter({{"s", 11434, false, {*parse_ip_address("172.17.0.2"), *parse_ip_address("fd00::5")}},
                      {"t", 8080, true, {}}});
  EXPECT_NE(two.find("(tcp port 11434 and (host 172.17.0.2 or host fd00::5)) or (tcp port 8080)"),
            std::string::npos)
      << two;
  EXPECT_EQ(two.find("inbound"), std::string::npos);
}

}  // namespace
}  // namespace tegrascope
