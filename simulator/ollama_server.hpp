// A simulated Ollama: HTTP/1.1 on 127.0.0.1 on a thread of its own, on the real clock. Its durations and
// counts are true to its own timing; what it claims of the placement may be a lie on purpose. GET /
// /api/version /api/tags /api/ps /v1/models, POST /api/show /api/generate /api/chat /api/embed
// /v1/chat/completions; the runner's port answers GET /health and /slots.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "simulator/board.hpp"
#include "simulator/engine.hpp"
#include "simulator/http.hpp"
#include "simulator/ollama_bodies.hpp"

namespace tegrascope::simulator {

struct OllamaServerOptions {
  std::uint16_t port = 0;  // 0: any free one
  EngineOptions engine;
  bool lie = false;                  // /api/ps says 100 % GPU whatever the truth is
  bool runner_listens = true;        // false, as for a container's runner: its port refuses connections
  std::int64_t natural_tokens = 48;  // of an answer without a limit
};

class SimulatedOllama {
 public:
  // `board` must outlive the server.
  SimulatedOllama(SimulatedBoard& board, OllamaServerOptions options);
  ~SimulatedOllama();
  SimulatedOllama(const SimulatedOllama&) = delete;
  SimulatedOllama& operator=(const SimulatedOllama&) = delete;

  // Listens and starts the thread. Throws std::runtime_error naming the address when it cannot listen.
  void start();
  // Closes every connection, ends the runner and joins the thread; at most some 20 ms. Any number of times.
  void stop();

  std::uint16_t port() const { return port_; }
  std::string url() const;

  // Any thread; see Engine. Takes effect between requests: the runner ends when it is idle, and the next
  // request starts a new one with a new pid.
  void set_placement(const std::string& model, Placement placement, double gpu_fraction = 1.0);
  void set_rate(const std::string& model, std::optional<double> tokens_per_second);
  std::vector<RequestTruth> requests() const;

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using Acceptor = boost::asio::ip::tcp::acceptor;
  enum class Door : std::uint8_t { server, runner };

  void accept(const std::shared_ptr<Acceptor>& acceptor, Door door);
  boost::asio::awaitable<void> serve(Socket socket, Door door);
  boost::asio::awaitable<void> route(HttpConnection& client, const HttpRequest& request);
  boost::asio::awaitable<void> route_runner(HttpConnection& client, const HttpRequest& request);
  boost::asio::awaitable<bool> answer_plain(HttpConnection& client, const HttpRequest& request);
  boost::asio::awaitable<void> answer_show(HttpConnection& client, const HttpRequest& request);
  boost::asio::awaitable<void> answer_embed(HttpConnection& client, const HttpRequest& request);
  boost::asio::awaitable<void> answer_generation(HttpConnection& client, const HttpRequest& request,
                                                 GenerationApi api);
  boost::asio::awaitable<void> answer_load(HttpConnection& client, const HttpRequest& request,
                                           const ParsedRequest& parsed);
  boost::asio::awaitable<void> stream(HttpConnection& client, const HttpRequest& request,
                                      const ParsedRequest& parsed, Generation& generation);
  boost::asio::awaitable<void> answer_whole(HttpConnection& client, const HttpRequest& request,
                                            const ParsedRequest& parsed, Generation& generation);
  boost::asio::awaitable<void> answer_error(HttpConnection& client, const HttpRequest& request, int status,
                                            std::string message);
  std::uint16_t open_runner_port();
  void close_runner_port();

  const OllamaServerOptions options_;
  boost::asio::io_context io_{1};
  Engine engine_;
  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<Acceptor> runner_acceptor_;  // listens, or only holds the port
  std::set<HttpConnection*> connections_;
  std::set<HttpConnection*> runner_connections_;
  bool stopping_ = false;
  std::int64_t next_id_ = 1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace tegrascope::simulator
