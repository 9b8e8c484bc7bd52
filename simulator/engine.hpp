// The simulated Ollama's scheduler and its one runner: loads, queues, evaluates prompts and decodes on the
// real clock, and keeps the board told what it does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "simulator/board.hpp"
#include "simulator/http.hpp"
#include "simulator/models.hpp"
#include "simulator/truth.hpp"

namespace tegrascope::simulator {

struct EngineOptions {
  RunnerKind runner = RunnerKind::llama_server;
  double speed = 1.0;                                         // multiplies decode, prompt and load speeds
  double load_bytes_per_second = 1.2e9;                       // a fast NVMe drive
  Nanoseconds longest_load = std::chrono::milliseconds{800};  // so that a demonstration is quick
  Nanoseconds warm_delay = std::chrono::milliseconds{15};     // what load_duration shows of a warm model
};

struct GenerationOrder {
  const SimulatedModel* model = nullptr;
  std::string endpoint;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;         // 0: an embedding, prompt evaluation only
  bool cpu_asked = false;                 // options.num_gpu 0
  std::optional<Nanoseconds> keep_alive;  // negative: for ever; 0: unload at once; absent: 5 minutes
};

class Engine;

// A request that holds the runner's slot. Ends, when destroyed, as finished if finish() was called, else as
// left.
class Generation {
 public:
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Waits for the next token. False: no more tokens, or the client has gone (client_left()).
  boost::asio::awaitable<bool> next_token(HttpConnection& client);
  bool client_left() const { return left_; }
  // The figures of the final object; call once, after the last token. The request is then in
  // Engine::requests().
  void finish();
  const RequestTruth& truth() const { return truth_; }
  Nanoseconds total_duration() const { return truth_.ended - truth_.received; }

 private:
  friend class Engine;
  Generation(Engine& engine, GenerationOrder order, MonotonicTime received);

  Engine& engine_;
  GenerationOrder order_;
  RequestTruth truth_;
  Nanoseconds step_{};
  Nanoseconds decode_time_{};
  bool holds_slot_ = false;
  bool left_ = false;
};

// All members on the server's thread unless they say otherwise.
class Engine {
 public:
  // What /api/ps lists.
  struct Resident {
    SimulatedModel model;
    Placement placement;
    double gpu_fraction;
    std::chrono::system_clock::time_point expires_at;
    std::uint16_t port;
  };
  // Called when a runner's life begins; returns the port it listens on.
  using RunnerStarted = std::function<std::uint16_t()>;
  using RunnerEnded = std::function<void()>;

  // `board` must outlive the engine.
  Engine(boost::asio::io_context& io, SimulatedBoard& board, EngineOptions options);
  void on_runner(RunnerStarted started, RunnerEnded ended);

  // Queues, loads when it must, evaluates the prompt. Null: the client left before the first token.
  boost::asio::awaitable<std::unique_ptr<Generation>> begin(HttpConnection& client, GenerationOrder order);
  // Loads the model as an empty prompt does, or unloads it (keep_alive 0). False: the client left.
  boost::asio::awaitable<bool> load_only(HttpConnection& client, GenerationOrder order);

  // Not listed while it loads.
  std::optional<Resident> resident() const;
  struct Slot {
    bool busy = false;
    std::int64_t task = 0;
    std::int64_t decoded = 0;
  };
  Slot slot() const { return slot_; }

  // Any thread. Where the model's next runner runs; a runner that runs elsewhere ends as soon as it is idle.
  void set_placement(const std::string& model, Placement placement, double gpu_fraction);
  // Any thread. Decode rate of the model's next requests instead of the table's; nullopt: the table's.
  void set_rate(const std::string& model, std::optional<double> tokens_per_second);
  // Any thread.
  std::vector<RequestTruth> requests() const;

  // Ends the runner for good.
  void stop();

 private:
  friend class Generation;
  struct Wanted {
    Placement placement = Placement::gpu;
    double gpu_fraction = 1;
    std::optional<double> rate;
  };
  struct Runner {
    const SimulatedModel* model;
    Wanted wanted;
    bool cpu_asked;
    std::int64_t pid;
    std::uint16_t port;
    bool ready = false;
  };

  Wanted wanted(const GenerationOrder& order) const;
  bool fits(const GenerationOrder& order) const;
  boost::asio::awaitable<bool> take_slot(HttpConnection& client);
  boost::asio::awaitable<bool> load(HttpConnection& client, const GenerationOrder& order);
  boost::asio::awaitable<bool> prepare(HttpConnection& client, const GenerationOrder& order,
                                       RequestTruth& truth);
  void record(const RequestTruth& truth);
  void release_slot(const GenerationOrder& order);
  void end_runner();
  void end_misplaced_runner();
  void touch(const GenerationOrder& order);
  void expire_later();

  boost::asio::io_context& io_;
  SimulatedBoard& board_;
  const EngineOptions options_;
  RunnerStarted runner_started_;
  RunnerEnded runner_ended_;
  std::optional<Runner> runner_;
  Slot slot_;
  std::deque<std::uint64_t> queue_;
  std::uint64_t next_ticket_ = 0;
  bool stopped_ = false;
  std::chrono::system_clock::time_point expires_at_{};
  boost::asio::steady_timer expiry_;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Wanted> placements_;
  std::vector<RequestTruth> requests_;
};

}  // namespace tegrascope::simulator
