// Reads the small JSON answers of Ollama's own API. Pure; a body that cannot be read gives nothing, never an
// exception.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/ollama.hpp"

namespace tegrascope {

// A server that lists more models than a board can hold is not believed further than this.
inline constexpr std::size_t kMaxResidentModels = 64;

// GET /api/version: {"version":"0.33.0"}. Absent: no such field.
std::optional<std::string> parse_version(std::string_view body);

// GET /api/ps. Absent: not JSON, or no list `models`. `models: null` is an empty list. Entries without a name
// and second entries of one name are left out. A missing size_vram is 0: Ollama before 0.1.42 omits it for
// models on the CPU (ollama#4840). `model_blob` stays empty; only /api/show knows it.
std::optional<std::vector<ResidentModel>> parse_ps(std::string_view body);

// POST /api/show: the hex digest of the line `FROM .../blobs/sha256-<64 hex digits>` of the modelfile.
// /api/ps gives the digest of the manifest, a runner's --model that of the GGUF layer; this joins them.
// Empty: not said.
std::string parse_model_blob(std::string_view body);

// POST /api/show.
struct ModelDetails {
  std::string blob;                 // as parse_model_blob()
  std::optional<ModelShape> shape;  // absent: no model_info (Ollama before 0.1.45)
  bool remote = false;              // remote_host or remote_model is given
};
ModelDetails parse_show(std::string_view body);

// GET /api/tags: what is installed.
struct InstalledModels {
  std::size_t count = 0;
  std::map<std::string, std::uint64_t> file_bytes;  // by digest of the manifest, at most kMaxListedModels
  std::vector<std::string> remote;                  // names; at most kMaxListedModels
};
inline constexpr std::size_t kMaxListedModels = 512;
// Absent: not JSON, or no list `models`.
std::optional<InstalledModels> parse_tags(std::string_view body);

}  // namespace tegrascope
