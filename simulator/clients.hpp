// Clients of Ollama: each sends canned requests one after the other, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/model/words.hpp"

namespace tegrascope::simulator {

enum class ClientApi : std::uint8_t { chat, generate, openai_chat, embed };

struct ScriptedRequest {
  ClientApi api = ClientApi::chat;
  bool streamed = true;
  int num_predict = 0;
  // Set on the simulated Ollama before the request is sent; absent: left as they are.
  std::optional<Placement> placement;
  std::optional<double> tokens_per_second;
};

struct ClientScript {
  int clients = 1;
  std::string model = "qwen2.5:7b";
  std::chrono::milliseconds pause{200};  // between requests
  // Endless: mostly streamed /api/chat, now and then /api/generate and /v1/chat/completions, `shortest` to
  // `longest` tokens, drawn with `seed`.
  std::optional<ClientApi> only;  // all of them so
  bool unload_after = false;      // each asks for its model to be unloaded at its end
  int shortest = 12;
  int longest = 16;
  // When not empty: sent once, in order, by one client, instead of the above.
  std::vector<ScriptedRequest> requests;
};

struct ClientCounts {
  std::uint64_t answered = 0;  // with 200 to the last byte
  std::uint64_t failed = 0;
};

class Clients {
 public:
  using BeforeRequest = std::function<void(const ScriptedRequest&)>;

  // `before` is called on the client's thread just before each request of `script.requests`; may be empty.
  Clients(std::string base_url, ClientScript script, std::uint64_t seed, BeforeRequest before = {});
  ~Clients();  // stop()
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // Cuts the running transfers and joins the threads at once.
  void stop();
  ClientCounts counts() const;
  // All requests of a finite script have been sent and have ended.
  bool done() const;

 private:
  void run(std::uint64_t seed);
  void run_script();
  void run_endless(std::uint64_t seed);
  void send(void* multi, const ScriptedRequest& request, std::uint64_t number);
  bool pause();  // false: stop

  const std::string base_url_;
  const ClientScript script_;
  const BeforeRequest before_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  int running_ = 0;
  ClientCounts counts_;
  std::vector<void*> multis_;  // curl multi handles of the running threads, for waking them
  std::vector<std::thread> threads_;
};

}  // namespace tegrascope::simulator
