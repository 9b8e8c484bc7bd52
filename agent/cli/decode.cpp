#include <CLI/App.hpp>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "agent/cli/commands.hpp"
#include "agent/cli/decode_exchange.hpp"
#include "agent/cli/decode_ollama_log.hpp"
#include "agent/cli/decode_tegrastats.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {
namespace {

// Calls `use` with FILE opened, or standard input for "-". Returns its code, or 1 after naming a file that
// cannot be read.
template <class Use>
int with_input(const std::string& file, Use&& use) {
  if (file == "-") return use(std::cin);
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::cerr << "tegrascope decode: cannot read " << file << ": " << std::strerror(errno) << '\n';
    return 1;
  }
  return use(in);
}

std::string read_all(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

int decode_exchange_files(const std::string& request, const std::string& response, UpstreamKind kind) {
  if (request.empty() || response.empty()) {
    std::cerr << "tegrascope decode: exchange needs two files: --request FILE and --response FILE\n";
    return 2;
  }
  if (request == "-" && response == "-") {
    std::cerr << "tegrascope decode: --request and --response are both standard input; name a file for one\n";
    return 2;
  }
  return with_input(request, [&](std::istream& asked) {
    return with_input(response, [&](std::istream& answered) {
      return decode_exchange(read_all(asked), read_all(answered), kind, std::cout, std::cerr);
    });
  });
}

}  // namespace

int command_decode(int argc, const char* const* argv) {
  std::string format;
  std::string file = "-";
  std::string request;
  std::string response;
  std::string kind = "ollama";
  CLI::App app("Print what the agent reads out of a file, as one JSON object per line.", "tegrascope decode");
  app.add_option("FORMAT", format,
                 "tegrastats: its lines; ollama-log: Ollama's log; exchange: an HTTP exchange with Ollama")
      ->required()
      ->check(CLI::IsMember({"tegrastats", "ollama-log", "exchange"}));
  app.add_option("FILE", file, "tegrastats, ollama-log: file to read; - is standard input")
      ->capture_default_str();
  app.add_option("--request", request,
                 "exchange: what the client sent, HTTP head and body; - is standard input");
  app.add_option("--response", response, "exchange: what the server answered; - is standard input");
  app.add_option("--upstream.kind", kind, "exchange: ollama, or openai for a llama.cpp server or vLLM")
      ->check(CLI::IsMember({"ollama", "openai"}))
      ->capture_default_str();
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;

  if (format == "exchange") {
    return decode_exchange_files(request, response,
                                 kind == "openai" ? UpstreamKind::openai : UpstreamKind::ollama);
  }
  const auto decode = format == "tegrastats" ? decode_tegrastats : decode_ollama_log;
  return with_input(file, [decode](std::istream& in) { return decode(in, std::cout); });
}

}  // namespace tegrascope
