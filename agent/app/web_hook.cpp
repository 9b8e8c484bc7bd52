#include "agent/app/web_hook.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "agent/app/log.hpp"
#include "collectors/ollama/server_address.hpp"
#include "exporters/http/event_json.hpp"

namespace tegrascope {
namespace {

// The status decides, whatever becomes of the body: who answered has the event.
bool is_final(const HttpAnswer& answer) {
  const int s = answer.status;
  return s >= 200 && s < 500 && s != 408 && s != 425 && s != 429;
}

bool is_delivered(const HttpAnswer& answer) { return answer.status >= 200 && answer.status < 300; }

[[noreturn]] void refuse_secret(const std::string& what, int error) {
  std::string text = what + " cannot be read: " + std::generic_category().message(error);
  if (error == EACCES || error == EPERM)
    text += "; give it to the agent's user, or hand it over with systemd's LoadCredential";
  if (error == ENOENT) text += "; write the secret into its first line";
  throw std::invalid_argument(text);
}

}  // namespace

WebHook::WebHook(Outbound& outbound, WebHookOptions options)
    : outbound_(outbound), options_(std::move(options)) {
  if (!options_.secret.empty())
    web_hook_signature(options_.secret, "");  // what cannot work is refused at the start
}

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
      headers.push_back("X-Tegrascope-Signature: " + web_hook_signature(options_.secret, body));
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
  const std::string error = answer.status != 0 ? "answered " + std::to_string(answer.status) : answer.error;
  bool more = false;
  bool tell = false;
  bool again = false;
  std::chrono::milliseconds pause{0};
  {
    const std::lock_guard lock(mutex_);
    const int tries = waiting_.front().tries;
    if (!delivered && !is_final(answer) && tries < options_.tries) {
      pause = pause_after(tries);
      more = again = true;
    } else {
      waiting_.pop_front();
      ++(delivered ? view_.delivered : view_.failed);
      more = !waiting_.empty();
    }
    tell = failing_ == delivered;
    failing_ = !delivered;
  }
  if (tell && delivered) log_info("the web hook takes events again");
  if (tell && !delivered)
    log_warn("the web hook did not take an event, see --events.webhook-url" +
                 std::string(again ? "; it will be tried again" : ""),
             {{"error", error}});
  if (more) outbound_.call_at(monotonic_now() + pause, [this] { deliver(); });
}

WebHookView WebHook::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::string web_hook_signature(std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(),
             &size) == nullptr)
    throw std::runtime_error("OpenSSL cannot sign what is posted to --events.webhook-url");
  return fmt::format("sha256={:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

std::string read_secret(const std::string& path) {
  const std::string what = "--events.webhook-secret-file=" + path;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) refuse_secret(what, errno);
  std::array<char, 4096> text{};
  const ssize_t size = ::read(fd, text.data(), text.size());
  const int error = errno;
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0;
  ::close(fd);
  if (size < 0) refuse_secret(what, error);
  std::string secret(text.data(), static_cast<std::size_t>(size));
  secret.resize(std::min(secret.size(), secret.find('\n')));
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) secret.pop_back();
  if (secret.empty()) throw std::invalid_argument(what + " has an empty first line: write the secret there");
  if (known && (status.st_mode & S_IROTH) != 0)
    throw std::invalid_argument(what + " can be read by everybody: chmod o-rwx " + path);
  return secret;
}

void check_web_hook_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  const auto refuse = [&](const char* what) {
    throw std::invalid_argument("--events.webhook-url is '" + name +
                                (scheme == std::string::npos ? "'" : "://...'") + what +
                                ": write http://host/path or https://host/path");
  };
  if (scheme == std::string::npos || (name != "http" && name != "https") ||
      std::any_of(url.begin(), url.end(), [](char c) { return c >= 0 && c <= ' '; }))
    refuse("");
  std::string authority = url.substr(scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const std::size_t user = authority.rfind('@'); user != std::string::npos) authority.erase(0, user + 1);
  if (!address_of_url("http://" + authority)) refuse(", without a valid host and port");
}

}  // namespace tegrascope
