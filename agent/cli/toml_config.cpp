#include "agent/cli/toml_config.hpp"

#include <CLI/App.hpp>
#include <cctype>
#include <cstdlib>

#include "agent/cli/options.hpp"

namespace tegrascope {

std::string environment_name(const std::string& option) {
  std::string name = "TEGRASCOPE_";
  for (const char c : option) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0
                ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                : '_';
  }
  return name;
}

std::vector<CLI::ConfigItem> TomlConfig::from_config(std::istream& input) const {
  std::vector<std::string> known;
  for (const CLI::Option* option : app_.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back(name);
  }
  std::vector<CLI::ConfigItem> out;
  for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
    if (item.name == "++" || item.name == "--") continue;  // marks of sections
    std::string key;
    for (const std::string& parent : item.parents) key += parent + ".";
    key += item.name;
    item.name = key;
    item.parents.clear();
    if (app_.get_option_no_throw("--" + key) == nullptr) {
      const std::string near = nearest_name(key, known);
      throw CLI::ConfigError("unknown key " + key + " in the configuration file" +
                                 (near.empty() ? std::string() : "; did you mean " + near + "?"),
                             CLI::ExitCodes::ConfigError);
    }
    if (std::getenv(environment_name(key).c_str()) == nullptr) out.push_back(std::move(item));
  }
  return out;
}

}  // namespace tegrascope
