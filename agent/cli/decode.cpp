#include <CLI/App.hpp>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "agent/cli/commands.hpp"
#include "agent/cli/decode_ollama_log.hpp"
#include "agent/cli/decode_tegrastats.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {

int command_decode(int argc, const char* const* argv) {
  std::string format;
  std::string file = "-";
  CLI::App app("Print what the agent reads out of a file, as one JSON object per line.", "tegrascope decode");
  app.add_option("FORMAT", format, "tegrastats or ollama-log")
      ->required()
      ->check(CLI::IsMember({"tegrastats", "ollama-log"}));
  app.add_option("FILE", file, "File to read; - is standard input")->capture_default_str();
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;

  const auto decode = format == "tegrastats" ? decode_tegrastats : decode_ollama_log;
  if (file == "-") return decode(std::cin, std::cout);
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::cerr << "tegrascope decode: cannot read " << file << ": " << std::strerror(errno) << '\n';
    return 1;
  }
  return decode(in, std::cout);
}

}  // namespace tegrascope
