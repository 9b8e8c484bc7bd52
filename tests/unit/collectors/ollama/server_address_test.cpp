#include "collectors/ollama/server_address.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tegrascope {
namespace {

std::string read(std::string_view value) { return host_port(parse_ollama_host(value)); }

// The cases of Ollama's own rule (envconfig/config.go).
TEST(ServerAddress, ollama_host_in_every_form) {
  EXPECT_EQ(read(""), "127.0.0.1:11434");
  EXPECT_EQ(read("1.2.3.4"), "1.2.3.4:11434");
  EXPECT_EQ(read("example.com:1234"), "example.com:1234");
  EXPECT_EQ(read(":1234"), "0.0.0.0:1234");
  EXPECT_EQ(read("http://1.2.3.4"), "1.2.3.4:80");
  EXPECT_EQ(read("https://1.2.3.4"), "1.2.3.4:443");
  EXPECT_EQ(read("http://example.com:1234/path"), "example.com:1234");
  EXPECT_EQ(read("[::1]"), "[::1]:11434");
  EXPECT_EQ(read("[::]:1234"), "[::]:1234");
  EXPECT_EQ(read("::1"), "[::1]:11434");
  EXPECT_EQ(read("1.2.3.4:70000"), "1.2.3.4:11434");
  EXPECT_EQ(read(" \"0.0.0.0\" "), "0.0.0.0:11434");
}

TEST(ServerAddress, a_wildcard_is_reached_on_loopback) {
  EXPECT_EQ(host_port(connectable({"0.0.0.0", 1})), "127.0.0.1:1");
  EXPECT_EQ(host_port(connectable({"::", 1})), "127.0.0.1:1");
  EXPECT_EQ(host_port(connectable({"localhost", 1})), "127.0.0.1:1");
  EXPECT_EQ(host_port(connectable({"192.168.1.5", 1})), "192.168.1.5:1");
}

TEST(ServerAddress, url_of_the_command_line) {
  const OllamaServer server = server_from_url("http://127.0.0.1:3002/");
  EXPECT_EQ(server.name, "127.0.0.1:3002");
  EXPECT_EQ(server.url, "http://127.0.0.1:3002");
  EXPECT_EQ(server.serve_pid, 0);
  EXPECT_EQ(server_from_url("http://board.local").name, "board.local:80");
  EXPECT_EQ(server_from_url("http://[::1]:11434").url, "http://[::1]:11434");
}

std::string refusal(std::string_view url) {
  try {
    server_from_url(url);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

TEST(ServerAddress, a_bad_url_is_named_with_the_right_form) {
  EXPECT_EQ(
      refusal("127.0.0.1:11434"),
      "--ollama.url: '127.0.0.1:11434' does not begin with http://; write http://HOST:PORT, for example "
      "http://127.0.0.1:11434, or auto");
  for (const char* url : {"", "http://", "http://:11434", "http://h:0", "http://h:99999", "http://h:x",
                          "http://h/api", "https://h:1", "ftp://h", "http://h h:1", "http://h?x=1"}) {
    EXPECT_NE(refusal(url).find(url), std::string::npos) << url;
    EXPECT_NE(refusal(url).find("write http://HOST:PORT"), std::string::npos) << url;
  }
}

TEST(ServerAddress, a_password_is_not_repeated) {
  EXPECT_EQ(refusal("http://user:secret@h:1").find("secret"), std::string::npos);
  EXPECT_NE(refusal("http://user:secret@h:1").find("@h:1"), std::string::npos);
}

}  // namespace
}  // namespace tegrascope
