// What each command takes, from the same definitions that parse it: for shell completion.
#pragma once

#include <string>
#include <vector>

namespace tegrascope {

struct FlagDescription {
  std::vector<std::string> names;  // "--log.level"; "--no-collector.cpu" beside "--collector.cpu"
  std::string help;
  bool takes_value = false;
  bool repeats = false;              // may be given more than once
  std::vector<std::string> choices;  // the only right values, where there is such a list
};

struct CommandDescription {
  std::string name;
  std::string summary;
  std::vector<FlagDescription> flags;
  std::vector<std::string> words;  // right values of positional arguments
};

// Of every command in commands(). One thread at a time.
std::vector<CommandDescription> describe_commands();

}  // namespace tegrascope
