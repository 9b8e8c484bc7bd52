// A program under test: started with its output in files, ended by pid, never left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tegrascope::test {

class ChildProcess {
 public:
  // Starts `arguments[0]` with an environment of this process plus `environment` ("NAME=value"). Standard
  // output and error go to files in `directory`. Throws std::system_error.
  // The program gets `descriptors` as 3, 4, ... and none else but the standard ones.
  ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
               const std::vector<std::string>& environment = {}, const std::vector<int>& descriptors = {});
  ~ChildProcess();  // SIGTERM, then SIGKILL after five seconds
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Exit code (128 + signal when killed); nothing when it still runs at the deadline.
  std::optional<int> wait_for(std::chrono::milliseconds timeout);
  bool running() { return !wait_for(std::chrono::milliseconds(0)); }

  std::string output() const;
  std::string errors() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  std::filesystem::path output_;
  std::filesystem::path errors_;
};

std::string read_file(const std::filesystem::path& path);

}  // namespace tegrascope::test
