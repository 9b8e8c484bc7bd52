#include "collectors/ollama/outbound.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace tegrascope {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One request from the queue to its callback. Its address is handed to libcurl.
struct Transfer {
  std::string url;
  std::string body;
  std::vector<std::string> extra_headers;
  bool post = false;
  Outbound::Callback callback;

  std::unique_ptr<CURL, EasyDeleter> easy;
  std::unique_ptr<curl_slist, ListDeleter> headers;
  std::string answer;
  std::size_t max_answer_bytes = 0;
  bool too_large = false;
};

std::size_t take_bytes(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (bytes > transfer.max_answer_bytes - transfer.answer.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.answer.append(data, bytes);
  return bytes;
}

HttpFailure failure_of(CURLcode code, bool too_large) {
  if (too_large) return HttpFailure::too_large;
  switch (code) {
    case CURLE_OK:
      return HttpFailure::none;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFailure::timeout;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return HttpFailure::unreachable;
    default:
      return HttpFailure::other;
  }
}

std::string phrase(HttpFailure failure, CURLcode code, const OutboundOptions& options) {
  switch (failure) {
    case HttpFailure::none:
      return {};
    case HttpFailure::timeout:
      return "no answer in time";
    case HttpFailure::unreachable:
      return code == CURLE_COULDNT_RESOLVE_HOST ? "unknown host name" : "connection refused";
    case HttpFailure::too_large:
      return "answer larger than " + std::to_string(options.max_answer_bytes >> 20) + " MiB";
    case HttpFailure::other:
      return curl_easy_strerror(code);
  }
  return {};
}

void allow_only_http(CURL* easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  // Else removing a transfer that still resolves a name waits for the resolver.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

// False: out of memory.
bool prepare(Transfer& t, const OutboundOptions& options) {
  t.easy.reset(curl_easy_init());
  if (!t.easy) return false;
  t.max_answer_bytes = options.max_answer_bytes;
  CURL* easy = t.easy.get();
  curl_easy_setopt(easy, CURLOPT_URL, t.url.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.total_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &t);
  allow_only_http(easy);
  if (!t.post) return true;
  t.headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
  for (const std::string& header : t.extra_headers)
    if (curl_slist* longer = curl_slist_append(t.headers.get(), header.c_str())) {
      static_cast<void>(t.headers.release());
      t.headers.reset(longer);
    }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t.headers.get());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t.body.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(t.body.size()));
  return true;
}

}  // namespace

class Outbound::Loop {
 public:
  explicit Loop(OutboundOptions options) : options_(std::move(options)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw std::runtime_error("libcurl cannot start: out of memory");
    thread_ = std::thread{[this] { run(); }};
  }

  ~Loop() {
    stop();
    curl_multi_cleanup(multi_);
  }

  void submit(std::unique_ptr<Transfer> transfer) {
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    incoming_.push_back(std::move(transfer));
    curl_multi_wakeup(multi_);
  }

  void call_at(MonotonicTime when, Task task) {
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    timers_.emplace(when, std::move(task));
    curl_multi_wakeup(multi_);
  }

  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
      curl_multi_wakeup(multi_);
    }
    const std::lock_guard once{join_mutex_};
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr int kLongestWaitMs = 60'000;

  void run() {
    while (!stopping()) {
      start_incoming();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_transfers();
      run_due_tasks();
      if (stopping()) break;
      curl_multi_poll(multi_, nullptr, 0, wait_ms(), nullptr);
    }
    for (const auto& transfer : active_) curl_multi_remove_handle(multi_, transfer->easy.get());
    active_.clear();
    std::vector<std::unique_ptr<Transfer>>
        incoming;  // destroyed without the lock: callbacks own what we do not know
    std::multimap<MonotonicTime, Task> timers;
    const std::lock_guard lock{mutex_};
    incoming.swap(incoming_);
    timers.swap(timers_);
  }

  bool stopping() {
    const std::lock_guard lock{mutex_};
    return stopping_;
  }

  void start_incoming() {
    std::vector<std::unique_ptr<Transfer>> incoming;
    {
      const std::lock_guard lock{mutex_};
      incoming.swap(incoming_);
    }
    for (auto& transfer : incoming) {
      if (!prepare(*transfer, options_)) {
        transfer->callback({HttpFailure::other, 0, {}, "out of memory"});
        continue;
      }
      curl_multi_add_handle(multi_, transfer->easy.get());
      active_.push_back(std::move(transfer));
    }
  }

  void finish_transfers() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;  // the message dies with remove_handle
      CURL* easy = message->easy_handle;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_multi_remove_handle(multi_, easy);
      const auto it =
          std::find_if(active_.begin(), active_.end(), [&](const auto& t) { return t->easy.get() == easy; });
      const std::unique_ptr<Transfer> transfer = std::move(*it);
      active_.erase(it);
      if (stopping()) return;
      HttpAnswer answer;
      answer.failure = failure_of(code, transfer->too_large);
      answer.error = phrase(answer.failure, code, options_);
      answer.status = status >= 200 ? static_cast<int>(status) : 0;  // 100 is no answer yet
      if (answer.failure == HttpFailure::none) answer.body = std::move(transfer->answer);
      transfer->callback(std::move(answer));
    }
  }

  void run_due_tasks() {
    const MonotonicTime now = monotonic_now();
    while (true) {
      Task task;
      {
        const std::lock_guard lock{mutex_};
        if (stopping_ || timers_.empty() || timers_.begin()->first > now) return;
        task = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
      }
      task();
    }
  }

  int wait_ms() {
    const std::lock_guard lock{mutex_};
    if (!incoming_.empty()) return 0;
    if (timers_.empty()) return kLongestWaitMs;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - monotonic_now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kLongestWaitMs));
  }

  const OutboundOptions options_;
  CURLM* multi_ = nullptr;
  std::mutex mutex_;  // guards what follows; never held while a callback runs
  bool stopping_ = false;
  std::vector<std::unique_ptr<Transfer>> incoming_;
  std::multimap<MonotonicTime, Task> timers_;

  std::vector<std::unique_ptr<Transfer>> active_;  // outbound thread only
  std::mutex join_mutex_;
  std::thread thread_;
};

Outbound::Outbound(OutboundOptions options) {
  if (options.user_agent.empty()) options.user_agent = "tegrascope/" TEGRASCOPE_VERSION;
  loop_ = std::make_unique<Loop>(std::move(options));
}

Outbound::~Outbound() = default;

void Outbound::get(std::string url, Callback callback) {
  auto transfer = std::make_unique<Transfer>();
  transfer->url = std::move(url);
  transfer->callback = std::move(callback);
  loop_->submit(std::move(transfer));
}

void Outbound::post_json(std::string url, std::string body, Callback callback,
                         std::vector<std::string> headers) {
  auto transfer = std::make_unique<Transfer>();
  transfer->url = std::move(url);
  transfer->body = std::move(body);
  transfer->post = true;
  transfer->extra_headers = std::move(headers);
  transfer->callback = std::move(callback);
  loop_->submit(std::move(transfer));
}

void Outbound::call_at(MonotonicTime when, Task task) { loop_->call_at(when, std::move(task)); }

void Outbound::stop() { loop_->stop(); }

}  // namespace tegrascope
