#include "agent/cli/toml_config.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cctype>
#include <cstdlib>
#include <sstream>
#include <string_view>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "agent/cli/options.hpp"

namespace tegrascope {
namespace {

[[noreturn]] void refuse(const toml::source_region& where, std::string_view what) {
  throw CLI::ConfigError(fmt::format("configuration file, line {}: {}", where.begin.line, what),
                         CLI::ExitCodes::ConfigError);
}

// As the flag would be written.
std::string text_of(const toml::node& value, const std::string& key) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* number = value.as_integer()) return std::to_string(number->get());
  if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = value.as_boolean()) return truth->get() ? "true" : "false";
  refuse(value.source(), key + " takes a text, a number, true or false, or a list of these");
}

// `prefix`: the key of `table`, with a dot behind it.
void read_table(const toml::table& table, const std::string& prefix, std::vector<CLI::ConfigItem>& out) {
  for (const auto& [name, value] : table) {
    const std::string key = prefix + std::string(std::string_view(name));
    if (const toml::table* inner = value.as_table()) {
      read_table(*inner, key + ".", out);
      continue;
    }
    CLI::ConfigItem& item = out.emplace_back();
    item.name = key;
    if (const toml::array* list = value.as_array()) {
      for (const toml::node& element : *list) item.inputs.push_back(text_of(element, key));
      if (list->empty()) refuse(value.source(), key + " is an empty list: leave the key out");
    } else {
      item.inputs.push_back(text_of(value, key));
    }
  }
}

toml::table parse(std::istream& input) {
  std::ostringstream text;
  if (input.peek() != std::istream::traits_type::eof()) text << input.rdbuf();
  if (input.bad())
    throw CLI::ConfigError("the configuration file cannot be read", CLI::ExitCodes::ConfigError);
  try {
    return toml::parse(text.str());
  } catch (const toml::parse_error& error) {
    refuse(error.source(), fmt::format("{} (texts stand in quotes, lists in brackets)", error.description()));
  }
}

}  // namespace

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
  std::vector<CLI::ConfigItem> read;
  read_table(parse(input), "", read);
  std::vector<CLI::ConfigItem> out;
  for (CLI::ConfigItem& item : read) {
    const std::string& key = item.name;
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
