// Completion scripts for shells. Pure: descriptions in, the script's text out.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/command_flags.hpp"

namespace tegrascope {

// For `source <(tegrascope completion bash)`, or a file `tegrascope` in bash-completion's folder.
std::string bash_completion(const std::vector<CommandDescription>& commands);
// For `source <(tegrascope completion zsh)`, or a file `_tegrascope` in a folder of fpath.
std::string zsh_completion(const std::vector<CommandDescription>& commands);
// For `tegrascope completion fish | source`, or a file `tegrascope.fish` in fish's completions folder.
std::string fish_completion(const std::vector<CommandDescription>& commands);

}  // namespace tegrascope
