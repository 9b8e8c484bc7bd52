// One definition of the flags of `run` that gives command line, environment, TOML file and help.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/app/config.hpp"

namespace tegrascope {

// Adds every flag of `run`, --config.file included, to `app`. `config` must outlive the parse.
// Precedence: flag > environment (TEGRASCOPE_WEB_LISTEN_ADDRESS) > file > default.
void add_run_options(CLI::App& app, Config& config);

// Those of them that say what is read: --path.* and --collector.*, with their environment variables.
void add_source_options(CLI::App& app, Config& config);

// Those that say which Ollama is meant: --ollama.url, --ollama.log-file.
void add_server_options(CLI::App& app, Config& config);

// Parses and validates. Returns -1 to go on, or the exit code: 0 after --help, 2 after a wrong flag, key or
// value, which is told in one line on standard error with the nearest right name.
int parse_arguments(CLI::App& app, int argc, const char* const* argv);

// From here on parse_arguments() gives every app to `inspect` instead of parsing, and returns 0; an empty one ends
// that. One thread at a time.
void inspect_arguments(std::function<void(const CLI::App&)> inspect);

// For numbers without sign, which CLI11 lets a minus wrap around.
CLI::Validator not_negative();

// The name in `known` with the smallest edit distance to `name`; empty when none is near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace tegrascope
