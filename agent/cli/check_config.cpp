#include <CLI/App.hpp>
#include <iostream>

#include "agent/app/config.hpp"
#include "agent/app/outlets.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {

int command_check_config(int argc, const char* const* argv) {
  Config config;
  CLI::App app("Check flags and configuration file of `tegrascope run` without starting it.",
               "tegrascope check-config");
  add_run_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  try {
    validate(config);
    check_outlets(config);
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope check-config: " << e.what() << '\n';
    return 2;
  }
  std::cout << "configuration is valid\n";
  return 0;
}

}  // namespace tegrascope
