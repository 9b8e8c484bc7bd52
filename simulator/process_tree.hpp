// The simulated board's processes under ROOT/proc: init, an unrelated service, `ollama serve`, its runner,
// and in container mode docker-proxy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/board.hpp"
#include "simulator/in_place_file.hpp"
#include "simulator/tree_text.hpp"

namespace tegrascope::simulator {

struct ProcessTreeOptions {
  std::uint16_t ollama_port = 0;  // where the simulated Ollama really listens
  bool container = false;         // Ollama runs in a container that publishes that port as host-port:11434
};

// One thread at a time.
class ProcessTree {
 public:
  static constexpr std::int64_t kInit = 1;
  static constexpr std::int64_t kUnrelated = 1187;
  static constexpr std::int64_t kDockerProxy = 2043;
  static constexpr std::int64_t kServe = 2101;

  // Creates all folders. Throws std::system_error or std::filesystem::filesystem_error.
  ProcessTree(std::filesystem::path procfs, const ProcessTreeOptions& options, const BoardState& state);
  // A new runner appears with all its files at once; one that ended is gone.
  void update(const BoardState& state);

 private:
  struct Process {
    ProcessFigures figures;
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::string executable;
    std::string cgroup;
    std::string maps;
    bool in_container = false;
    std::optional<std::uint16_t> listens_on;  // adds the socket to its fd folder
  };
  struct Folder {
    Folder(const std::filesystem::path& path, const ProcessFigures& figures);
    void write(const ProcessFigures& figures);
    InPlaceFile stat, statm, status;
  };

  void add(const Process& process);
  void remove(std::int64_t pid);
  void update_serve(const BoardState& state);
  void update_runner(const RunnerState& runner, const BoardState& state);
  Process serve_process() const;
  Process runner_process(const RunnerState& runner) const;
  ProcessFigures runner_figures(const RunnerState& runner, const BoardState& state) const;

  const std::filesystem::path procfs_;
  const ProcessTreeOptions options_;
  std::map<std::int64_t, std::unique_ptr<Folder>> folders_;
  ProcessFigures serve_, unrelated_;
  std::int64_t runner_pid_ = 0;
};

}  // namespace tegrascope::simulator
