#include "collectors/ollama/guard.hpp"

#include <algorithm>
#include <array>

namespace tegrascope {
namespace {

struct Allowed {
  bool reads;  // GET and HEAD; false: POST
  std::string_view path;
};

// GenerateRoutes in server/routes.go of ollama 0.33, less what downloads, uploads, writes or signs in or out.
// /api/experimental/* makes Ollama fetch from the internet.
constexpr std::array kOllama{
    Allowed{false, "/api/generate"},
    Allowed{false, "/api/chat"},
    Allowed{false, "/api/embed"},
    Allowed{false, "/api/embeddings"},
    Allowed{false, "/v1/chat/completions"},
    Allowed{false, "/v1/completions"},
    Allowed{false, "/v1/embeddings"},
    Allowed{false, "/v1/responses"},
    Allowed{false, "/v1/messages"},
    Allowed{false, "/v1/audio/transcriptions"},
    Allowed{false, "/api/show"},
    Allowed{true, "/"},
    Allowed{true, "/api/version"},
    Allowed{true, "/api/status"},
    Allowed{true, "/api/tags"},
    Allowed{true, "/api/ps"},
    Allowed{true, "/v1/models"},
};

// tools/server of llama.cpp and vLLM's OpenAI server. /slots shows the prompts of others, POST /props, /slots/N
// and /lora-adapters change the server.
constexpr std::array kOpenai{
    Allowed{false, "/v1/chat/completions"},
    Allowed{false, "/v1/completions"},
    Allowed{false, "/v1/embeddings"},
    Allowed{false, "/v1/responses"},
    Allowed{false, "/v1/messages"},
    Allowed{false, "/v1/messages/count_tokens"},
    Allowed{false, "/v1/rerank"},
    Allowed{false, "/v1/audio/transcriptions"},
    Allowed{false, "/chat/completions"},
    Allowed{false, "/completion"},
    Allowed{false, "/completions"},
    Allowed{false, "/embedding"},
    Allowed{false, "/embeddings"},
    Allowed{false, "/infill"},
    Allowed{false, "/rerank"},
    Allowed{false, "/reranking"},
    Allowed{false, "/tokenize"},
    Allowed{false, "/detokenize"},
    Allowed{false, "/apply-template"},
    Allowed{true, "/"},
    Allowed{true, "/health"},
    Allowed{true, "/v1/health"},
    Allowed{true, "/ping"},
    Allowed{true, "/version"},
    Allowed{true, "/models"},
    Allowed{true, "/v1/models"},
    Allowed{true, "/props"},
    Allowed{true, "/metrics"},
};

bool fits(std::string_view method, bool reads) {
  if (method == "OPTIONS") return true;
  return reads ? method == "GET" || method == "HEAD" : method == "POST";
}

// MODEL of /v1/models/MODEL.
bool is_plain_segment(std::string_view segment) {
  if (segment.empty() || segment.front() == '.') return false;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._:@").find(c) != std::string_view::npos;
    if (plain) continue;
    const std::string_view encoded = segment.substr(i, 3);
    if (encoded != "%3A" && encoded != "%3a") return false;
    i += 2;
  }
  return true;
}

}  // namespace

bool guard_allows(std::string_view method, std::string_view target, UpstreamKind kind) {
  const std::string_view path = target.substr(0, target.find('?'));
  const auto passes = [&](const Allowed& entry) { return entry.path == path && fits(method, entry.reads); };
  constexpr std::string_view kModel = "/v1/models/";
  if (path.substr(0, kModel.size()) == kModel)
    return fits(method, true) && is_plain_segment(path.substr(kModel.size()));
  return kind == UpstreamKind::ollama ? std::any_of(kOllama.begin(), kOllama.end(), passes)
                                      : std::any_of(kOpenai.begin(), kOpenai.end(), passes);
}

}  // namespace tegrascope
