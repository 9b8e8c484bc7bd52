// A child program whose standard output is read without blocking.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tegrascope {

// One thread at a time. The child leads a process group of its own, has /dev/null as input and error output,
// and inherits no other descriptor (with glibc before 2.34: none that is close-on-exec). When the agent dies,
// its next write ends it (SIGPIPE).
class ChildProcess {
 public:
  // Starts `program` with `arguments`. On failure error() says why and the object is not running.
  ChildProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments);
  // Kills the group and reaps the child; waits at most 1 s for a child that hangs in the kernel.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  const std::string& error() const { return error_; }

  // Appends what there is to read. False once the child has ended: error() then says how.
  bool drain(std::string& output);

 private:
  void read_available(std::string& output);
  bool reap();
  void finish();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string error_;
};

}  // namespace tegrascope
