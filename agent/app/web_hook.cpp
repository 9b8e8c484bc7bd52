#include "agent/app/web_hook.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "agent/app/hmac_sha256.hpp"
#include "agent/app/log.hpp"
#include "exporters/http/event_json.hpp"

namespace tegrascope {
namespace {

bool is_final(const HttpAnswer& answer) {
  if (answer.failure != HttpFailure::none) return answer.failure == HttpFailure::too_large;
  const int s = answer.status;
  return s < 500 && s != 408 && s != 425 && s != 429;
}

bool is_delivered(const HttpAnswer& answer) {
  return answer.failure == HttpFailure::none && answer.status >= 200 && answer.status < 300;
}

}  // namespace

WebHook::WebHook(Outbound& outbound, WebHookOptions options)
    : outbound_(outbound), options_(std::move(options)) {}

void WebHook::send(const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      ++view_.dropped;
      return;
    }
    waiting_.push_back({std::string(to_string(event.kind)), web_hook_json(event, options_.host), 0});
    if (waiting_.size() > 1) return;  // its turn comes after those before it
  }
  deliver();
}

void WebHook::deliver() {
  std::vector<std::string> headers;
  std::string body;
  {
    const std::lock_guard lock(mutex_);
    Delivery& delivery = waiting_.front();
    ++delivery.tries;
    body = delivery.body;
    headers.push_back("X-Tegrascope-Event: " + delivery.kind);
    if (!options_.secret.empty())
      headers.push_back("X-Tegrascope-Signature: sha256=" + to_hex(hmac_sha256(options_.secret, body)));
  }
  outbound_.post_json(
      options_.url, std::move(body), [this](const HttpAnswer& answer) { answered(answer); },
      std::move(headers));
}

std::chrono::milliseconds WebHook::pause_after(int tries) const {
  std::chrono::milliseconds pause = options_.first_pause;
  for (int i = 1; i < tries && pause < options_.longest_pause; ++i) pause *= 4;
  return std::min(pause, options_.longest_pause);
}

void WebHook::answered(const HttpAnswer& answer) {
  const bool delivered = is_delivered(answer);
  const std::string error =
      !answer.error.empty() ? answer.error : "answered " + std::to_string(answer.status);
  bool more = false;
  bool tell = false;
  std::chrono::milliseconds pause{0};
  {
    const std::lock_guard lock(mutex_);
    const int tries = waiting_.front().tries;
    if (!delivered && !is_final(answer) && tries < options_.tries) {
      pause = pause_after(tries);
      more = true;
    } else {
      waiting_.pop_front();
      ++(delivered ? view_.delivered : view_.failed);
      more = !waiting_.empty();
      tell = failing_ == delivered;
      failing_ = !delivered;
    }
  }
  if (tell && delivered) log_info("the web hook takes events again");
  if (tell && !delivered)
    log_warn("the web hook did not take an event, see --events.webhook-url", {{"error", error}});
  if (more) outbound_.call_at(monotonic_now() + pause, [this] { deliver(); });
}

WebHookView WebHook::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::string read_secret(const std::string& path) {
  const std::string what = "--events.webhook-secret-file=" + path;
  std::ifstream file(path);
  std::string secret;
  if (!file || !std::getline(file, secret))
    throw std::invalid_argument(what + " cannot be read or is empty: write the secret into its first line");
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) secret.pop_back();
  if (secret.empty()) throw std::invalid_argument(what + " has an empty first line: write the secret there");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0)
    throw std::invalid_argument(what + " can be read by everybody: chmod o-rwx " + path);
  return secret;
}

void check_web_hook_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  const bool right = scheme != std::string::npos && (name == "http" || name == "https") &&
                     url.size() > scheme + 3 && url[scheme + 3] != '/' &&
                     std::none_of(url.begin(), url.end(), [](char c) { return c >= 0 && c <= ' '; });
  if (right) return;
  throw std::invalid_argument("--events.webhook-url is '" + name +
                              (scheme == std::string::npos ? "'" : "://...'") +
                              ": write http://host/path or https://host/path");
}

}  // namespace tegrascope
