// The commands of the program, one file each. Every one takes its own arguments (argv[0] is "tegrascope
// NAME") and returns the exit code: 0 fine, 1 failed, 2 wrong usage.
#pragma once

#include <string_view>
#include <vector>

namespace tegrascope {

int command_run(int argc, const char* const* argv);
int command_demo(int argc, const char* const* argv);
int command_doctor(int argc, const char* const* argv);
int command_prove(int argc, const char* const* argv);
int command_read(int argc, const char* const* argv);
int command_simulate(int argc, const char* const* argv);
int command_decode(int argc, const char* const* argv);
int command_incident(int argc, const char* const* argv);
int command_describe_metrics(int argc, const char* const* argv);
int command_check_config(int argc, const char* const* argv);
int command_completion(int argc, const char* const* argv);

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(int argc, const char* const* argv);
};

const std::vector<Command>& commands();

// Finds and runs the command that argv[1] names.
int dispatch(int argc, const char* const* argv);

}  // namespace tegrascope
