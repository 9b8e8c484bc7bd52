#include "tests/support/http.hpp"

#include <curl/curl.h>

#include <memory>
#include <thread>

namespace tegrascope::test {
namespace {

struct Transfer {
  TestAnswer answer;
  const std::function<bool(const std::string&)>* on_data = nullptr;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string piece(data, size * count);
  transfer.answer.body += piece;
  if (transfer.on_data != nullptr && *transfer.on_data && !(*transfer.on_data)(piece)) return 0;
  return size * count;
}

TestAnswer perform(const std::string& url, const std::string* body,
                   const std::function<bool(const std::string&)>* on_data,
                   std::chrono::milliseconds timeout) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  Transfer transfer;
  transfer.on_data = on_data;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, curl_slist_free_all);
  if (body != nullptr) {
    headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body->c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) transfer.answer.error = curl_easy_strerror(code);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.answer.status = static_cast<int>(status);
  return transfer.answer;
}

}  // namespace

TestAnswer http_get(const std::string& url, std::chrono::milliseconds timeout) {
  return perform(url, nullptr, nullptr, timeout);
}

TestAnswer http_post(const std::string& url, const std::string& body,
                     const std::function<bool(const std::string&)>& on_data,
                     std::chrono::milliseconds timeout) {
  return perform(url, &body, &on_data, timeout);
}

std::string url_encode(const std::string& text) {
  const std::unique_ptr<char, decltype(&curl_free)> escaped(
      curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size())), curl_free);
  return escaped.get();
}

bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace tegrascope::test
