#include "agent/cli/commands.hpp"

#include <iostream>
#include <string>

#include "agent/app/version.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {
namespace {

void print_usage(std::ostream& out) {
  out << "tegrascope watches an NVIDIA Jetson board that runs Ollama.\n\n"
         "Usage: tegrascope COMMAND [flags]\n\nCommands:\n";
  for (const Command& command : commands()) {
    out << "  " << command.name << std::string(18 - command.name.size(), ' ') << command.summary << '\n';
  }
  out << "\n`tegrascope COMMAND --help` or `tegrascope help COMMAND` lists the flags of a command; "
         "`tegrascope "
         "--version` tells the version.\n";
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> list{
      {"run", "the agent: read the board, watch Ollama, serve /metrics", command_run},
      {"prove", "one short request: does the model run on the GPU? exit code 0 only then", command_prove},
      {"doctor", "what this board and its Ollama look like, what is wrong and what mends it", command_doctor},
      {"demo", "the agent on a simulated Orin Nano with a simulated Ollama and traffic", command_demo},
      {"read", "one reading of every sensor, with unit, source and, where absent, the reason", command_read},
      {"decode", "what the agent reads out of a file: decode tegrastats, ollama-log or exchange",
       command_decode},
      {"simulate", "a scenario on a virtual clock, or a recording: what the agent makes of it",
       command_simulate},
      {"incident", "what the flight recorder kept of fallbacks, failed loads and dead runners",
       command_incident},
      {"describe-metrics", "every metric: type, unit, meaning, labels and their bounds",
       command_describe_metrics},
      {"check-config", "check a configuration file and flags without starting", command_check_config},
      {"completion", "the completion script for bash, zsh or fish", command_completion},
  };
  return list;
}

int dispatch(int argc, const char* const* argv) {
  if (argc < 2) {
    print_usage(std::cerr);
    return 2;
  }
  const std::string name = argv[1];
  if (name == "help" && argc > 2 && std::string_view(argv[2]) != "help") {
    const char* asked[] = {argv[0], argv[2], "--help"};
    return dispatch(3, asked);
  }
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(std::cout);
    return 0;
  }
  if (name == "--version" || name == "version") {
    std::cout << version_text();
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (command.name == name) return command.run(argc - 1, argv + 1);
    names.emplace_back(command.name);
  }
  const std::string near = nearest_name(name, names);
  std::cerr << "tegrascope: unknown command " << name
            << (near.empty() ? "; see tegrascope --help" : "; did you mean " + near + "?") << '\n';
  return 2;
}

}  // namespace tegrascope
