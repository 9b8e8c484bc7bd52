#include "collectors/ollama/host_policy.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

TEST(HostPolicy, LoopbackUpstreamsAreChecked) {
  for (const char* upstream : {"127.0.0.1", "127.0.0.53", "::1", "[::1]", "localhost"})
    EXPECT_TRUE(make_host_policy({}, upstream, "orin").check) << upstream;
  for (const char* upstream : {"192.168.1.5", "172.17.0.2", "fd00::1", "ollama.lan"})
    EXPECT_FALSE(make_host_policy({}, upstream, "orin").check) << upstream;
  EXPECT_TRUE(make_host_policy({"jetson.lan"}, "192.168.1.5", "orin").check);
  EXPECT_FALSE(make_host_policy({"*"}, "127.0.0.1", "orin").check);
  EXPECT_FALSE(make_host_policy({"jetson.lan", "*"}, "127.0.0.1", "orin").check);
}

TEST(HostPolicy, WithoutACheckEverythingPasses) {
  EXPECT_TRUE(host_allowed("evil.example", "127.0.0.1", HostPolicy{}));
}

TEST(HostPolicy, OllamasOwnListPasses) {
  const HostPolicy policy = make_host_policy({}, "127.0.0.1", "Orin");
  for (const char* host : {"",
                           "localhost",
                           "localhost:1",
                           "LOCALHOST:11434",
                           "orin",
                           "orin:11481",
                           "x.localhost",
                           "jetson.local",
                           "Jetson.LOCAL:80",
                           "a.b.internal",
                           "127.0.0.1:80",
                           "127.1.2.3",
                           "0.0.0.0:11434",
                           "10.0.0.7",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.5:11434",
                           "[::1]:11434",
                           "[::1]",
                           "[::]:1",
                           "[fd12::1]:1",
                           "203.0.113.9:80"}) {
    EXPECT_TRUE(host_allowed(host, "203.0.113.9", policy)) << host;
  }
  EXPECT_TRUE(host_allowed("[2001:db8::9]:80", "2001:db8::9", policy));
}

TEST(HostPolicy, OtherNamesAndAddressesDoNot) {
  const HostPolicy policy = make_host_policy({}, "127.0.0.1", "orin");
  for (const char* host :
       {"evil.example", "evil.example:11434", "localhost.evil.example", "127.0.0.1.evil.example", "local",
        ".local.evil.example", "notlocalhost", "orin.evil.example", "172.32.0.1", "8.8.8.8", "203.0.113.9",
        "[2001:db8::1]", "jetson.home.lan", "orin.tail1.ts.net", "0x7f000001", "2130706433", "127.1"}) {
    EXPECT_FALSE(host_allowed(host, "192.168.1.5", policy)) << host;
  }
}

TEST(HostPolicy, ListedNamesPassBeside) {
  const HostPolicy policy = make_host_policy({"jetson.lan", "*.ts.net", "8.8.8.8"}, "127.0.0.1", "");
  for (const char* host :
       {"jetson.lan", "Jetson.LAN:11434", "orin.tail1.ts.net", "8.8.8.8:80", "localhost", "10.0.0.1"}) {
    EXPECT_TRUE(host_allowed(host, "", policy)) << host;
  }
  for (const char* host : {"evil.example", "jetson.lan.evil.example", "ts.net", "xjetson.lan", "8.8.4.4"})
    EXPECT_FALSE(host_allowed(host, "", policy)) << host;
}

}  // namespace
}  // namespace tegrascope
