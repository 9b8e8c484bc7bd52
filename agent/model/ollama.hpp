// What an Ollama server says of itself: declared, not observed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// A name that Ollama resolves to a model on ollama.com: "gpt-oss:120b-cloud", "kimi-k2:cloud". Its requests
// pass through the server and use none of this board's hardware.
inline bool is_cloud_name(std::string_view model) {
  const std::size_t colon = model.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view tag = model.substr(colon + 1);
  constexpr std::string_view suffix = "-cloud";
  return tag == "cloud" || (tag.size() > suffix.size() && tag.substr(tag.size() - suffix.size()) == suffix);
}

// What a model is made of, from the model_info of POST /api/show (GGUF metadata); absent where the file does
// not say. `W` and `KV` of a roofline come from it.
struct ModelShape {
  std::string architecture;                     // general.architecture: "qwen2"
  std::optional<std::int64_t> parameter_count;  // general.parameter_count
  std::optional<std::int64_t> block_count;      // layers
  std::optional<std::int64_t> context_length;   // the model was trained for, tokens
  std::optional<std::int64_t> embedding_length;
  std::optional<std::int64_t> feed_forward_length;
  std::optional<std::int64_t> head_count;     // the largest, where layers differ
  std::optional<std::int64_t> head_count_kv;  // the largest, where layers differ
  std::optional<std::int64_t> key_length;     // of a head; embedding_length / head_count when absent
  std::optional<std::int64_t> value_length;
  std::optional<std::int64_t> sliding_window;  // tokens; of the layers that have one
  std::optional<std::int64_t> expert_count;    // mixture of experts
  std::optional<std::int64_t> expert_used_count;
};

// One entry of GET /api/ps, completed from /api/tags and /api/show.
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
  std::optional<std::uint64_t> file_bytes;  // on disk, all layers of its manifest (/api/tags)
  std::optional<ModelShape> shape;          // /api/show; absent: not answered yet, or not told
  bool remote = false;                      // computed on another host (a cloud model)
};

// Result of polling one server once.
struct ServerState {
  OllamaServer server;
  bool up = false;            // the last poll was answered with 200
  std::string error;          // why not: connection refused, timeout, bad JSON; empty when up
  std::string version;        // /api/version; empty unknown
  bool models_known = false;  // /api/ps was read; a timeout is "unknown", not "none"
  std::vector<ResidentModel> models;
  std::optional<std::size_t> installed_models;  // entries of /api/tags; absent: not answered yet
  std::vector<std::string> remote_models;       // names of those that another host computes
  MonotonicTime at{};
};

}  // namespace tegrascope
