// The agent: everything built in order, stopped in reverse. The owner's thread only, but for hurry().
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/app/config.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

class Agent {
 public:
  explicit Agent(Config config);
  ~Agent();  // stops
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Binds, starts the threads, writes the port files. Throws std::runtime_error or std::invalid_argument with
  // a message that names what cannot be had and what to do; nothing is left running then.
  void start();

  // Stops accepting, lets streams in the relay finish within the drain time, stops the threads, removes the
  // port files. Idempotent.
  void stop();

  // A stop() under way cuts the streams that it waits for. Any thread, once started.
  void hurry();

  std::vector<std::uint16_t> web_ports() const;
  std::vector<std::uint16_t> relay_ports() const;
  // All that is known now; between start() and stop().
  SnapshotPtr snapshot() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tegrascope
