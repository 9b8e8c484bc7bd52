// A simulated board with an idle Ollama, for tests that send their own requests through an agent beside it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simulator/simulation.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {

// A streamed answer of about three seconds.
inline constexpr const char* kThreeSeconds =
    R"({"model":"qwen2.5:7b","messages":[{"role":"user","content":"count"}],"options":{"num_predict":28}})";

class IdleSimulation : public testing::Test {
 protected:
  IdleSimulation() : simulation_(options(directory_)) { simulation_.start(); }

  // Flags of an agent that watches this board and this Ollama, and `more`.
  std::vector<std::string> flags(std::vector<std::string> more = {}) const {
    more.push_back("--path.rootfs=" + (directory_.root() / "rootfs").string());
    more.push_back("--ollama.url=" + simulation_.ollama_url());
    return more;
  }

  TempTree directory_;
  simulator::Simulation simulation_;

 private:
  static simulator::SimulationOptions options(const TempTree& directory) {
    simulator::SimulationOptions o;
    o.rootfs = directory.root() / "rootfs";
    o.scenario = "idle";
    return o;
  }
};

}  // namespace tegrascope::test
