#include "exporters/http/listen_address.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace tegrascope {
namespace {

std::string read(const std::string& address) {
  std::ostringstream text;
  text << parse_listen_address(address);
  return text.str();
}

TEST(ListenAddress, every_form) {
  EXPECT_EQ(read("127.0.0.1:11480"), "127.0.0.1:11480");
  EXPECT_EQ(read("localhost:0"), "127.0.0.1:0");
  EXPECT_EQ(read("[::1]:9"), "[::1]:9");
  EXPECT_EQ(read(":9100"), "[::]:9100");
  EXPECT_EQ(read("0.0.0.0:65535"), "0.0.0.0:65535");
}

TEST(ListenAddress, the_error_names_the_value_and_the_right_form) {
  for (const char* bad : {"", "11480", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:9",
                          "[::1]", "board.local:9", "[127.0.0.1]:9", "1.2.3:9"}) {
    try {
      parse_listen_address(bad);
      ADD_FAILURE() << bad << " was accepted";
    } catch (const std::invalid_argument& e) {
      const std::string message = e.what();
      EXPECT_NE(message.find(std::string{"'"} + bad + "'"), std::string::npos) << message;
      EXPECT_NE(message.find("write ADDRESS:PORT"), std::string::npos) << message;
    }
  }
}

TEST(ListenAddress, advice_fits_the_failure) {
  namespace error = boost::asio::error;
  EXPECT_NE(listen_failure("127.0.0.1:80", error::make_error_code(error::access_denied)).find("from 1024 on"),
            std::string::npos);
  EXPECT_NE(listen_failure("127.0.0.1:80", error::make_error_code(error::address_in_use)).find("ss -ltnp"),
            std::string::npos);
}

}  // namespace
}  // namespace tegrascope
