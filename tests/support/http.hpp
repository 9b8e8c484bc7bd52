// Blocking HTTP for tests, by libcurl, to loopback.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace tegrascope::test {

struct TestAnswer {
  int status = 0;  // 0: no answer
  std::string body;
  std::string error;
};

TestAnswer http_get(const std::string& url, std::chrono::milliseconds timeout = std::chrono::seconds(10));

// `on_data` sees each piece as it comes; returning false cuts the transfer.
TestAnswer http_post(const std::string& url, const std::string& body,
                     const std::function<bool(const std::string&)>& on_data = {},
                     std::chrono::milliseconds timeout = std::chrono::minutes(5));

// Percent-encoding for a query parameter.
std::string url_encode(const std::string& text);

// Calls `done` every 20 ms until it is true; false when the deadline passed first.
bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& done);

}  // namespace tegrascope::test
