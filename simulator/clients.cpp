#include "simulator/clients.hpp"

#include <curl/curl.h>

#include <array>
#include <nlohmann/json.hpp>
#include <random>

namespace tegrascope::simulator {
namespace {

constexpr std::array<const char*, 6> kPrompts{
    "Name three sensors of this board and say what each of them measures.",
    "In one sentence: why does the first token take longer than the second?",
    "What would you check first when answers have become slow?",
    "Explain shared memory of CPU and GPU to a beginner.",
    "Write a short status message for the night shift.",
    "How warm may a board get before it slows itself down?"};

const char* path_of(ClientApi api) {
  switch (api) {
    case ClientApi::chat:
      return "/api/chat";
    case ClientApi::generate:
      return "/api/generate";
    case ClientApi::openai_chat:
      return "/v1/chat/completions";
    case ClientApi::embed:
      return "/api/embed";
  }
  return "/api/chat";
}

std::string body_of(const ScriptedRequest& request, const ClientScript& script, const char* prompt) {
  nlohmann::ordered_json body{{"model", script.model}};
  if (script.unload_after) body["keep_alive"] = 0;
  if (request.api == ClientApi::embed) {
    body["input"] = std::vector<std::string>(8, prompt);
    return body.dump();
  }
  const nlohmann::ordered_json message{{"role", "user"}, {"content", prompt}};
  if (request.api == ClientApi::generate)
    body["prompt"] = prompt;
  else
    body["messages"] = nlohmann::ordered_json::array({message});
  if (request.api == ClientApi::openai_chat) {
    body["stream"] = request.streamed;
    body["max_tokens"] = request.num_predict;
    if (request.streamed) body["stream_options"] = nlohmann::ordered_json{{"include_usage", true}};
  } else {
    if (!request.streamed) body["stream"] = false;
    body["options"] = nlohmann::ordered_json{{"num_predict", request.num_predict}};
  }
  return body.dump();
}

std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }

void initialise_curl() {
  static const CURLcode kOnce = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(kOnce);
}

}  // namespace

Clients::Clients(std::string base_url, ClientScript script, std::uint64_t seed, BeforeRequest before)
    : base_url_(std::move(base_url)), script_(std::move(script)), before_(std::move(before)) {
  initialise_curl();
  running_ = script_.requests.empty() ? script_.clients : 1;
  const int count = running_;
  for (int i = 0; i < count; ++i)
    threads_.emplace_back([this, seed, i] { run(seed * 31 + static_cast<std::uint64_t>(i)); });
}

Clients::~Clients() { stop(); }

void Clients::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (void* multi : multis_) curl_multi_wakeup(multi);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

ClientCounts Clients::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool Clients::done() const {
  const std::lock_guard lock(mutex_);
  return running_ == 0;
}

bool Clients::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, script_.pause, [this] { return stopping_; });
  return !stopping_;
}

void Clients::run(std::uint64_t seed) {
  if (script_.requests.empty())
    run_endless(seed);
  else
    run_script();
  const std::lock_guard lock(mutex_);
  --running_;
}

void Clients::send(void* multi, const ScriptedRequest& request, std::uint64_t number) {
  CURL* easy = curl_easy_init();
  if (easy == nullptr) return;
  const std::string url = base_url_ + path_of(request.api);
  const std::string body = body_of(request, script_, kPrompts[number % kPrompts.size()]);
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &discard);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
  curl_multi_add_handle(multi, easy);
  int running = 1;
  bool stopped = false;
  while (running > 0 && !stopped) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) break;
    if (running > 0) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    const std::lock_guard lock(mutex_);
    stopped = stopping_;
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi, &left);
  const bool complete = message != nullptr && message->data.result == CURLE_OK;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi, easy);
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  const std::lock_guard lock(mutex_);
  if (complete && status == 200)
    ++counts_.answered;
  else if (!stopped)
    ++counts_.failed;
}

namespace {

// A multi handle that the owner's stop() can wake.
class WakeableMulti {
 public:
  WakeableMulti(std::mutex& mutex, std::vector<void*>& all)
      : mutex_(mutex), all_(all), handle_(curl_multi_init()) {
    const std::lock_guard lock(mutex_);
    all_.push_back(handle_);
  }
  ~WakeableMulti() {
    {
      const std::lock_guard lock(mutex_);
      std::erase(all_, handle_);
    }
    curl_multi_cleanup(handle_);
  }
  WakeableMulti(const WakeableMulti&) = delete;
  WakeableMulti& operator=(const WakeableMulti&) = delete;
  void* get() const { return handle_; }

 private:
  std::mutex& mutex_;
  std::vector<void*>& all_;
  void* handle_;
};

}  // namespace

void Clients::run_script() {
  const WakeableMulti multi(mutex_, multis_);
  std::uint64_t number = 0;
  for (const ScriptedRequest& request : script_.requests) {
    if (number > 0 && !pause()) return;
    if (before_) before_(request);
    send(multi.get(), request, number++);
  }
}

void Clients::run_endless(std::uint64_t seed) {
  const WakeableMulti multi(mutex_, multis_);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> length(script_.shortest, script_.longest);
  std::uint64_t number = 0;
  do {
    ScriptedRequest request;
    if (number % 6 == 2) request.api = ClientApi::generate;
    if (number % 6 == 4) request.api = ClientApi::openai_chat;
    if (script_.only) request.api = *script_.only;
    request.num_predict = length(random);
    send(multi.get(), request, number++);
  } while (pause());
}

}  // namespace tegrascope::simulator
