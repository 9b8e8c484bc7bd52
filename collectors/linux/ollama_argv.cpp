#include "collectors/linux/ollama_argv.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "collectors/text.hpp"

namespace tegrascope {
namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string blob_digest(std::string_view model) {
  const auto mark = model.rfind("sha256");
  if (mark == std::string_view::npos) return {};
  model.remove_prefix(mark + std::string_view("sha256").size());
  if (!model.starts_with('-') && !model.starts_with(':')) return {};
  model.remove_prefix(1);
  return std::string(model.substr(0, model.find_first_not_of("0123456789abcdefABCDEF")));
}

// Value of the first of `names` found: "--name value" or "--name=value".
std::optional<std::string_view> option(const std::vector<std::string_view>& args,
                                       std::initializer_list<std::string_view> names) {
  for (std::size_t i = 1; i < args.size(); ++i) {
    for (const std::string_view name : names) {
      if (args[i] == name && i + 1 < args.size()) return args[i + 1];
      if (args[i].starts_with(name) && args[i].substr(name.size()).starts_with('='))
        return args[i].substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<int> integer_option(const std::vector<std::string_view>& args,
                                  std::initializer_list<std::string_view> names) {
  const auto text = option(args, names);
  return text ? to_integer<int>(*text) : std::nullopt;
}

}  // namespace

OllamaArgv classify_ollama_argv(std::string_view cmdline) {
  OllamaArgv result;
  std::vector<std::string_view> args;
  remove_suffix(cmdline, std::string_view("\0", 1));
  for_each_part(cmdline, '\0', [&](std::string_view part) { args.push_back(part); });
  const std::string_view program = base_name(args[0]);

  if (program == "ollama" || program == ".ollama-wrapped") {  // the latter on NixOS
    const auto command = std::find_if(args.begin() + 1, args.end(),
                                      [](std::string_view arg) { return !arg.starts_with('-'); });
    if (command == args.end()) return result;
    if (*command == "serve" || *command == "start") result.role = ArgvRole::serve;
    if (*command == "runner") result.role = ArgvRole::runner;
  } else if (program == "ollama_llama_server" || program == "ollama-runner") {
    result.role = ArgvRole::runner;
  } else if (program == "llama-server" || program == "server") {
    result.role = ArgvRole::runner_of_serve;
  }
  if (result.role == ArgvRole::other || result.role == ArgvRole::serve) return result;

  const auto model = option(args, {"--model", "-m"});
  if (!model) return {};
  result.model_blob = blob_digest(*model);
  // Ollama's own store names blobs so; with it a llama-server is Ollama's even after its serve has died.
  if (program == "llama-server" && !result.model_blob.empty()) result.role = ArgvRole::runner;
  result.port = integer_option(args, {"--port"});
  result.gpu_layers = integer_option(args, {"-ngl", "--n-gpu-layers", "--gpu-layers"});
  result.threads = integer_option(args, {"-t", "--threads"});
  result.slots = integer_option(args, {"-np", "--parallel"});
  return result;
}

}  // namespace tegrascope
