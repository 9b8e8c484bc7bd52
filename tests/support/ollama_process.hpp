// A real Ollama on a free port with a directory of its own, and a tiny model created in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/child_process.hpp"

namespace tegrascope::test {

// TEGRASCOPE_TEST_OLLAMA, or `ollama` from the PATH; absent: none on this machine.
std::optional<std::string> find_ollama();

class OllamaProcess {
 public:
  // Throws std::runtime_error with the server's log when it does not answer.
  OllamaProcess(const std::string& program, const std::filesystem::path& directory);

  std::string url() const { return url_; }
  pid_t pid() const { return process_->pid(); }
  // Registers a tiny random model under this name; `through`: the URL of a relay to send it by.
  void create_tiny_model(const std::string& name, const std::filesystem::path& directory,
                         const std::string& through = "");
  std::string log() const { return process_->errors() + process_->output(); }

 private:
  std::string url_;
  std::optional<ChildProcess> process_;
};

}  // namespace tegrascope::test
