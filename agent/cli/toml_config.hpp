// Reads the configuration file for CLI11. Keys are the flags' names: dotted, or under their section.
#pragma once

#include <CLI/Config.hpp>
#include <set>
#include <string>
#include <vector>

namespace tegrascope {

class TomlConfig : public CLI::ConfigTOML {
 public:
  // `app`: whose options are the right keys.
  explicit TomlConfig(const CLI::App& app) : app_(app) {}

  // Parsed by toml++, since CLI11 reads no more than a part of TOML and takes some of what is none. Keys whose
  // environment variable is set are left out: CLI11 lets the file win over the environment. Throws
  // CLI::ConfigError for an unknown key, and with the line for what is no TOML.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

 private:
  const CLI::App& app_;
};

// TEGRASCOPE_WEB_LISTEN_ADDRESS of "web.listen-address".
std::string environment_name(const std::string& option);

}  // namespace tegrascope
