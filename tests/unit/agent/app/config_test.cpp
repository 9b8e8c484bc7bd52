#include "agent/app/config.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesTheUnitsOfPrometheusFlags) {
  EXPECT_EQ(parse_duration("100ms"), 100ms);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("2m"), 120s);
}

TEST(ParseDuration, NamesWhatItCannotRead) {
  for (const char* wrong : {"", "100", "ms", "-1s", "1 s", "1d", "nans", "1e9s"}) {
    EXPECT_THROW(parse_duration(wrong), std::invalid_argument) << wrong;
  }
}

TEST(FormatDuration, UsesTheLargestWholeUnit) {
  EXPECT_EQ(format_duration(20s), "20s");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(1ns), "1ns");
}

TEST(Validate, ALogFileHasAName) {
  Config config;
  config.ollama_log_file = "";
  EXPECT_THROW(validate(config), std::invalid_argument);
  config.ollama_log_file = "/var/log/ollama.log";
  EXPECT_NO_THROW(validate(config));
  EXPECT_TRUE(observes(config, "log")) << "part of auto";
}

TEST(Validate, RefusesWhatContradictsItself) {
  Config config;
  EXPECT_NO_THROW(validate(config));
  config.observe = {"relay"};
  EXPECT_THROW(validate(config), std::invalid_argument);
  config.relay_listen_addresses = {"127.0.0.1:0"};
  EXPECT_NO_THROW(validate(config));
  config.ollama_urls = {"auto", "http://127.0.0.1:1"};
  EXPECT_THROW(validate(config), std::invalid_argument);
  config.ollama_urls = {"auto"};
  config.sample_interval = 1ms;
  EXPECT_THROW(validate(config), std::invalid_argument);
  config = Config{};
  for (const auto interval : {0ns, 50000000ns, std::chrono::nanoseconds(100h)}) {
    config.sample_idle_interval = interval;
    EXPECT_THROW(validate(config), std::invalid_argument) << interval.count();
  }
}

TEST(Validate, ARelayMayStandOnSocketsThatSystemdHolds) {
  Config config;
  config.observe = {"relay"};
  config.relay_sockets = {3};
  EXPECT_NO_THROW(validate(config));
}

TEST(Validate, AnOpenaiServerMustBeNamed) {
  Config config;
  config.upstream_kind = UpstreamKind::openai;
  EXPECT_THROW(validate(config), std::invalid_argument);
  config.ollama_urls = {"http://127.0.0.1:8080"};
  EXPECT_NO_THROW(validate(config));
}

TEST(Validate, AllowedHostsAreNamesOrAddresses) {
  for (const char* right : {"jetson", "jetson.home.lan", "*.ts.net", "*", "203.0.113.9", "2001:db8::1"}) {
    Config config;
    config.relay_allowed_hosts = {right};
    EXPECT_NO_THROW(validate(config)) << right;
  }
  for (const char* wrong : {"", "*.", "http://jetson", "jetson:11481", "a b", "*jetson", "a.*.b", "u@a"}) {
    Config config;
    config.relay_allowed_hosts = {wrong};
    EXPECT_THROW(validate(config), std::invalid_argument) << wrong;
  }
}

TEST(Validate, LimitsOfTheRelay) {
  Config config;
  config.relay_max_connections = 0;
  EXPECT_THROW(validate(config), std::invalid_argument);
  config = Config{};
  config.relay_head_timeout = 1ms;
  EXPECT_THROW(validate(config), std::invalid_argument);
}

TEST(Validate, NamesTheFlagOfAWrongAddress) {
  for (const char* wrong : {"foo", "127.0.0.1:99999", "127.0.0.1:", ":0x", "127.0.0.1:-1"}) {
    Config config;
    config.web_listen_addresses = {wrong};
    EXPECT_THROW(validate(config), std::invalid_argument) << wrong;
    config = Config{};
    config.relay_listen_addresses = {wrong};
    try {
      validate(config);
      FAIL() << wrong;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("--relay.listen-address"), std::string::npos);
    }
  }
  Config config;
  config.web_listen_addresses = {"127.0.0.1:0", "[::1]:11480", ":11480", "localhost:1"};
  config.relay_listen_addresses = {"127.0.0.1:0", "[::1]:11481", ":11481", "localhost:1", "jetson.local:1"};
  EXPECT_NO_THROW(validate(config));
}

TEST(Validate, AnAddressToListenOnIsOne) {
  for (const char* wrong : {"jetson.local:11480", "1.2.3:5", "300.1.1.1:5", "[127.0.0.1]:5", "[::1]x:5"}) {
    Config config;
    config.web_listen_addresses = {wrong};
    EXPECT_THROW(validate(config), std::invalid_argument) << wrong;
  }
  for (const char* wrong : {"300.1.1.1:5", "1.2.3:5", "127.0.0.1", "[::g]:5", "1::2::3:5", "[::1]x:5",
                            "a b:5", "127.0.0.1:-0", "http://127.0.0.1:5"}) {
    Config config;
    config.relay_listen_addresses = {wrong};
    try {
      validate(config);
      FAIL() << wrong;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("--relay.listen-address: '" + std::string(wrong) + "'"),
                std::string::npos)
          << e.what();
      EXPECT_NE(std::string(e.what()).find("127.0.0.1:11481"), std::string::npos) << e.what();
    }
  }
}

TEST(Observes, AutoMeansEveryWitness) {
  Config config;
  EXPECT_TRUE(observes(config, "process"));
  config.observe = {"relay"};
  EXPECT_FALSE(observes(config, "process"));
}

}  // namespace
}  // namespace tegrascope
