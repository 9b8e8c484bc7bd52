#include "tests/support/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

extern char** environ;

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

std::atomic<int> started{0};

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                           const std::vector<std::string>& environment, const std::vector<int>& descriptors) {
  const std::string stem = std::filesystem::path(arguments.front()).filename().string() + "-" +
                           std::to_string(started.fetch_add(1));
  output_ = directory / (stem + ".out");
  errors_ = directory / (stem + ".err");

  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (const std::string& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
  for (char** e = environ; *e != nullptr; ++e) envp.push_back(*e);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_.c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_.c_str(), flags, 0600);
  // Asio's sockets are not close-on-exec: a listener of the test must not live on in its children.
  // By way of high numbers, so that none is overwritten before it is copied.
  constexpr int kHigh = 500;
  const int count = static_cast<int>(descriptors.size());
  for (int i = 0; i < count; ++i)
    posix_spawn_file_actions_adddup2(&actions, descriptors[static_cast<std::size_t>(i)], kHigh + i);
  for (int i = 0; i < count; ++i)
    posix_spawn_file_actions_adddup2(&actions, kHigh + i, STDERR_FILENO + 1 + i);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1 + count);
  const int error = posix_spawn(&pid_, argv.front(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "starting " + arguments.front());
}

ChildProcess::~ChildProcess() {
  if (exit_code_) return;
  signal(SIGTERM);
  if (!wait_for(5s)) {
    signal(SIGKILL);
    wait_for(5s);
  }
}

void ChildProcess::signal(int number) const {
  if (!exit_code_) kill(pid_, number);
}

std::optional<int> ChildProcess::wait_for(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!exit_code_) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      break;
    }
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(5ms);
  }
  return exit_code_;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string ChildProcess::output() const { return read_file(output_); }
std::string ChildProcess::errors() const { return read_file(errors_); }

}  // namespace tegrascope::test
