#include <CLI/App.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
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
  std::ifstream opened;
  errno = 0;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& in = file == "-" ? std::cin : opened;
  if (in) in.peek();  // a directory can be opened, and not read
  if (in.bad() || (file == "-" ? std::ferror(stdin) != 0 : !opened.is_open())) {
    std::cerr << "tegrascope decode: cannot read " << (file == "-" ? "standard input" : file) << ": "
              << std::strerror(errno == 0 ? EIO : errno) << '\n';
    return 1;
  }
  return use(in);
}

// A read that fails later ends the text.
std::string read_all(std::istream& in) {
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int wrong_use(const char* message) {
  std::cerr << "tegrascope decode: " << message << '\n';
  return 2;
}

int decode_exchange_files(const std::string& request, const std::string& response, UpstreamKind kind) {
  if (request.empty() || response.empty()) {
    return wrong_use("exchange needs two files: --request FILE and --response FILE");
  }
  if (request == "-" && response == "-") {
    return wrong_use("--request and --response are both standard input; name a file for one");
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
    if (app.count("FILE") > 0)
      return wrong_use("exchange takes no FILE: name both with --request FILE and --response FILE");
    return decode_exchange_files(request, response,
                                 kind == "openai" ? UpstreamKind::openai : UpstreamKind::ollama);
  }
  for (const char* flag : {"--request", "--response", "--upstream.kind"}) {
    if (app.count(flag) > 0) return wrong_use((flag + (" is for exchange only, not for " + format)).c_str());
  }
  const auto decode = format == "tegrastats" ? decode_tegrastats : decode_ollama_log;
  return with_input(file, [decode](std::istream& in) { return decode(in, std::cout); });
}

}  // namespace tegrascope
