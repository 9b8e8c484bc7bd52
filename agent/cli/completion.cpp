#include <CLI/App.hpp>
#include <iostream>
#include <string>

#include "agent/cli/command_flags.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/completion_scripts.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {

int command_completion(int argc, const char* const* argv) {
  std::string shell;
  CLI::App app(
      "Print the completion script of a shell.\n"
      "  bash: source <(tegrascope completion bash)\n"
      "  zsh:  source <(tegrascope completion zsh)\n"
      "  fish: tegrascope completion fish | source",
      "tegrascope completion");
  app.add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  const auto commands = describe_commands();
  std::cout << (shell == "bash"  ? bash_completion(commands)
                : shell == "zsh" ? zsh_completion(commands)
                                 : fish_completion(commands))
            << std::flush;
  return std::cout.good() ? 0 : 1;
}

}  // namespace tegrascope
