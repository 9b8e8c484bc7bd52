#include "agent/app/prove.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>

#include "agent/app/log.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"

namespace tegrascope {
namespace {

bool asked(const std::string& model, std::uint64_t bytes) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return false;
  std::fprintf(stderr, "%s (%.1f GB on disk) is not loaded. Load it? [y/N] ", model.c_str(),
               static_cast<double>(bytes) * 1e-9);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int command_prove(int argc, const char* const* argv) {
  Config config;
  ProveOptions options;
  bool yes = false;
  bool json = false;
  CLI::App app(
      "Let the running Ollama generate 64 tokens, watch the board meanwhile and tell in one line where the "
      "model ran: "
      "GPU load, the runner's cores, token/s, joules per token, and why not on the GPU. Needs no root; "
      "installs, "
      "restarts and changes nothing. Exit code 0: on the GPU; 1: not, or it cannot be told.",
      "tegrascope prove");
  app.add_option("MODEL", options.model, "Model to ask; left out: the one that is loaded");
  app.add_flag("-y,--yes", yes, "Load the model if it is not loaded, without asking");
  app.add_flag("--json", json, "One JSON object");
  add_source_options(app, config);
  add_server_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  std::signal(SIGPIPE, SIG_IGN);
  configure_log("error", "logfmt");
  options.may_load = [yes](const std::string& model, std::uint64_t bytes) {
    return yes || asked(model, bytes);
  };
  try {
    const Proof proof = prove(config, options);
    if (json || proof.trouble.empty()) {
      std::cout << (json ? proof_json(proof) : proof_text(proof)) << std::endl;
    } else {
      std::cerr << "tegrascope prove: " << proof_text(proof) << '\n';
    }
    return proof.on_gpu() ? 0 : 1;
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope prove: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "tegrascope prove: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
