#include "agent/cli/command_flags.hpp"

#include <CLI/App.hpp>
#include <array>

#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {
namespace {

// CLI11 shows the values of IsMember in the option's type name, as TEXT:{debug,info}, and nowhere else.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

FlagDescription describe(const CLI::Option& option) {
  FlagDescription flag;
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.help = option.get_description();
  // A switch may have a value, as in --collector.cpu=false, but needs none.
  flag.takes_value = option.get_items_expected_min() > 0 && option.get_type_size() > 0;
  flag.repeats = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll && flag.takes_value;
  flag.choices = choices_of(option);
  return flag;
}

void describe(const CLI::App& app, CommandDescription& command) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) {
      for (const std::string& word : choices_of(*option)) command.words.push_back(word);
    } else if (!option->get_lnames().empty()) {
      command.flags.push_back(describe(*option));
    }
  }
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    // A group of options is a nameless command to the library.
    if (below->get_name().empty())
      describe(*below, command);
    else
      command.words.push_back(below->get_name());
  }
}

}  // namespace

std::vector<CommandDescription> describe_commands() {
  std::vector<CommandDescription> descriptions;
  for (const Command& command : commands()) {
    CommandDescription& description = descriptions.emplace_back();
    description.name = command.name;
    description.summary = command.summary;
    inspect_arguments([&description](const CLI::App& app) { describe(app, description); });
    const std::array<const char*, 2> arguments{description.name.c_str(), "--help"};
    command.run(static_cast<int>(arguments.size()), arguments.data());
  }
  inspect_arguments({});
  return descriptions;
}

}  // namespace tegrascope
