// A simulated Orin Nano with a simulated Ollama and its clients, on the real clock: what `tegrascope demo`
// watches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "simulator/board.hpp"
#include "simulator/clients.hpp"
#include "simulator/truth.hpp"

namespace tegrascope::simulator {

struct SimulationOptions {
  std::filesystem::path rootfs;  // created; the caller owns and removes it
  std::string scenario = "fallback";
  std::uint64_t seed = 1;         // of all noise and of the clients' requests
  bool container = false;         // Ollama runs in a container that publishes its port
  std::uint16_t ollama_port = 0;  // 0: any free one
  RunnerKind runner = RunnerKind::llama_server;
  double speed = 1.0;  // multiplies the models' speeds (tests); not the scenario's clock
};

// All members on one thread, except truth(), clients_done() and client_counts(): any thread.
class Simulation {
 public:
  // Throws std::invalid_argument naming an unknown scenario and the names nearest to it, or an empty rootfs.
  explicit Simulation(SimulationOptions options);
  ~Simulation();  // stop()
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // When it returns the tree is written and the server listens. Throws std::runtime_error naming the path or
  // address.
  void start();

  std::string ollama_url() const;            // "http://127.0.0.1:PORT", after start()
  std::filesystem::path tegrastats() const;  // the program inside the tree

  // Starts the scenario's clients; they send to `base_url` (Ollama itself or a relay before it). Nothing when
  // the scenario has none.
  void start_clients(std::string base_url);
  // The scenario's clock starts: its switches are counted from here.
  void begin();
  // Ends the clients only, cutting the request they are in.
  void stop_clients();

  // Ends clients, server and threads; only the tree stays. Any number of times.
  void stop();

  SimulationTruth truth() const;
  // True when a scenario with a finite script has sent all its requests.
  bool clients_done() const;
  ClientCounts client_counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tegrascope::simulator
