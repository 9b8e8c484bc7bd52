// What the commands that replay a recording share.
#pragma once

#include <string>

namespace tegrascope {

// Prints the replay of `file` on standard output and what is wrong with the recording on standard error, behind
// `command`. Exit code: 0; 1 where the recording is damaged or the books do not balance; 2 where there is no such file.
int replay_file(const std::string& file, bool json, const std::string& command);

}  // namespace tegrascope
