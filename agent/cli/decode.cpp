#include <CLI/App.hpp>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "agent/cli/commands.hpp"
#include "agent/cli/decode_tegrastats.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {

int command_decode(int argc, const char* const* argv) {
  std::string format;
  std::string file = "-";
  CLI::App app("Print what the agent reads out of a file, as one JSON object per line.", "tegrascope decode");
  app.add_option("FORMAT", format, "tegrastats")->required()->check(CLI::IsMember({"tegrastats"}));
  app.add_option("FILE", file, "File to read; - is standard input")->capture_default_str();
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;

  if (file == "-") return decode_tegrastats(std::cin, std::cout);
  std::ifstream in(file);
  if (!in) {
    std::cerr << "tegrascope decode: cannot read " << file << ": " << std::strerror(errno) << '\n';
    return 1;
  }
  return decode_tegrastats(in, std::cout);
}

}  // namespace tegrascope
