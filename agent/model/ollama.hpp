// What an Ollama server says of itself: declared, not observed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

// What a server speaks: Ollama's API, or only OpenAI's (llama.cpp server, vLLM).
enum class UpstreamKind : std::uint8_t { ollama, openai };

// A server the agent watches. `name` is host:port and is the `server` label everywhere.
struct OllamaServer {
  std::string name;            // "127.0.0.1:11434"
  std::string url;             // "http://127.0.0.1:11434"
  std::int64_t serve_pid = 0;  // the `ollama serve` that listens there, 0 unknown
  UpstreamKind kind = UpstreamKind::ollama;
};

// One entry of GET /api/ps.
struct ResidentModel {
  std::string name;        // as Ollama resolves it, with tag: "qwen2.5:7b"
  std::string digest;      // manifest digest
  std::string model_blob;  // hex digest of the GGUF layer (/api/show, FROM line); empty unknown
  std::string family;
  std::string parameter_size;
  std::string quantization;
  std::optional<std::uint64_t> size_bytes;
  std::optional<std::uint64_t>
      size_vram_bytes;  // /api/ps leaves it out when 0 before 0.1.42: read as 0 there
  std::optional<std::int64_t> context_length;
};

// Result of polling one server once.
struct ServerState {
  OllamaServer server;
  bool up = false;            // the last poll was answered with 200
  std::string error;          // why not: connection refused, timeout, bad JSON; empty when up
  std::string version;        // /api/version; empty unknown
  bool models_known = false;  // /api/ps was read; a timeout is "unknown", not "none"
  std::vector<ResidentModel> models;
  MonotonicTime at{};
};

}  // namespace tegrascope
