// What a command line says about a process of Ollama's. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tegrascope {

enum class ArgvRole : std::uint8_t {
  other,
  serve,
  runner,           // only Ollama starts such a command
  runner_of_serve,  // a runner if it descends from an `ollama serve`; anybody may start such a command
};

struct OllamaArgv {
  ArgvRole role = ArgvRole::other;
  std::string model_blob;  // hex digest of --model .../sha256-<digest>; empty: no such name
  std::optional<int> port;
  std::optional<int> gpu_layers;
  std::optional<int> threads;
  std::optional<int> slots;
};

// `cmdline` as /proc/PID/cmdline gives it, arguments ended by NULs. By Ollama's release:
//   all             ollama serve (or its alias start)
//   0.1.0-0.1.17    .../ollama-runner --model ..., earlier .../server --model ...
//   0.1.18-0.1.31   no runner: the engine is a library inside `ollama serve`
//   0.1.32-0.5.7    .../runners/<variant>/ollama_llama_server --model ...
//   0.5.8-0.24      ollama runner [--ollama-engine] --model ...
//   from 0.30       .../llama-server --model ...
// Without --model a runner is a short-lived probe for GPUs, which is `other`.
OllamaArgv classify_ollama_argv(std::string_view cmdline);

}  // namespace tegrascope
