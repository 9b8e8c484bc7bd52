#include "collectors/ollama/routes.hpp"

#include <array>
#include <span>

namespace tegrascope {
namespace {

struct Entry {
  std::string_view methods;  // blank-separated
  Route route;
};

constexpr Route inference(std::string_view endpoint, Operation operation, bool streams_by_default,
                          StreamFormat format, Dialect dialect) {
  return {endpoint, operation, true, streams_by_default, format, dialect};
}

constexpr Route plain(std::string_view endpoint, StreamFormat format = StreamFormat::none) {
  return {endpoint, Operation::other, false, format == StreamFormat::ndjson, format, Dialect::ollama};
}

constexpr std::array kOllama{
    Entry{"POST",
          inference("/api/generate", Operation::generate, true, StreamFormat::ndjson, Dialect::ollama)},
    Entry{"POST", inference("/api/chat", Operation::chat, true, StreamFormat::ndjson, Dialect::ollama)},
    Entry{"POST", inference("/api/embed", Operation::embed, false, StreamFormat::none, Dialect::ollama)},
    Entry{"POST", inference("/api/embeddings", Operation::embed, false, StreamFormat::none, Dialect::ollama)},
    Entry{"POST",
          inference("/v1/chat/completions", Operation::chat, false, StreamFormat::sse, Dialect::openai)},
    Entry{"POST",
          inference("/v1/completions", Operation::generate, false, StreamFormat::sse, Dialect::openai)},
    Entry{"POST", inference("/v1/embeddings", Operation::embed, false, StreamFormat::none, Dialect::openai)},
    Entry{"POST", inference("/v1/responses", Operation::chat, false, StreamFormat::sse, Dialect::responses)},
    Entry{"POST", inference("/v1/messages", Operation::chat, false, StreamFormat::sse, Dialect::anthropic)},
    Entry{"GET HEAD", plain("/")},
    Entry{"GET HEAD", plain("/api/version")},
    Entry{"GET", plain("/api/status")},
    Entry{"GET HEAD", plain("/api/tags")},
    Entry{"GET", plain("/api/ps")},
    Entry{"GET", plain("/v1/models")},
    Entry{"GET", plain("/v1/models/:model")},
    Entry{"POST", plain("/v1/audio/transcriptions")},
    Entry{"POST", plain("/api/show")},
    Entry{"POST", plain("/api/copy")},
    Entry{"POST", plain("/api/me")},
    Entry{"POST", plain("/api/signout")},
    Entry{"DELETE", plain("/api/delete")},
    Entry{"DELETE", plain("/api/user/keys/:key")},
    Entry{"POST", plain("/api/pull", StreamFormat::ndjson)},
    Entry{"POST", plain("/api/push", StreamFormat::ndjson)},
    Entry{"POST", plain("/api/create", StreamFormat::ndjson)},
    Entry{"HEAD POST", plain("/api/blobs/:digest")},
    Entry{"POST", plain("/api/experimental/web_search")},
    Entry{"POST", plain("/api/experimental/web_fetch")},
    Entry{"GET", plain("/api/experimental/model-recommendations")},
};

constexpr Route sse(std::string_view endpoint, Operation operation, Dialect dialect) {
  return inference(endpoint, operation, false, StreamFormat::sse, dialect);
}

constexpr Route embedding(std::string_view endpoint, Dialect dialect) {
  return inference(endpoint, Operation::embed, false, StreamFormat::none, dialect);
}

constexpr std::array kOpenAi{
    Entry{"POST", sse("/v1/chat/completions", Operation::chat, Dialect::openai)},
    Entry{"POST", sse("/v1/completions", Operation::generate, Dialect::openai)},
    Entry{"POST", embedding("/v1/embeddings", Dialect::openai)},
    Entry{"POST", sse("/v1/responses", Operation::chat, Dialect::responses)},
    Entry{"POST", sse("/v1/messages", Operation::chat, Dialect::anthropic)},
    // llama.cpp's other spellings; its /api/chat speaks OpenAI's language.
    Entry{"POST", sse("/chat/completions", Operation::chat, Dialect::openai)},
    Entry{"POST", sse("/api/chat", Operation::chat, Dialect::openai)},
    Entry{"POST", sse("/completion", Operation::generate, Dialect::llama_cpp)},
    Entry{"POST", sse("/completions", Operation::generate, Dialect::llama_cpp)},
    Entry{"POST", sse("/infill", Operation::generate, Dialect::llama_cpp)},
    Entry{"POST", embedding("/embedding", Dialect::llama_cpp)},
    Entry{"POST", embedding("/embeddings", Dialect::llama_cpp)},
    Entry{"GET", plain("/v1/models")},
    Entry{"GET", plain("/v1/models/:model")},
    Entry{"GET", plain("/health")},
    Entry{"GET", plain("/metrics")},
    Entry{"GET", plain("/slots")},
    Entry{"GET POST", plain("/props")},
    Entry{"GET", plain("/version")},
    Entry{"POST", plain("/tokenize")},
    Entry{"POST", plain("/detokenize")},
    Entry{"POST", plain("/v1/audio/transcriptions")},
};

constexpr Route kOther = plain("other");

bool has_method(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    const std::size_t blank = methods.find(' ');
    if (methods.substr(0, blank) == method) return true;
    methods.remove_prefix(blank == std::string_view::npos ? methods.size() : blank + 1);
  }
  return false;
}

// A ":name" at the end of a template stands for one non-empty segment.
bool matches(std::string_view endpoint, std::string_view path) {
  const std::size_t colon = endpoint.find(':');
  if (colon == std::string_view::npos) return endpoint == path;
  if (path.size() <= colon || path.substr(0, colon) != endpoint.substr(0, colon)) return false;
  return path.find('/', colon) == std::string_view::npos;
}

}  // namespace

const Route& find_route(std::string_view method, std::string_view target, UpstreamKind kind) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::span<const Entry> entries =
      kind == UpstreamKind::ollama ? std::span<const Entry>(kOllama) : std::span<const Entry>(kOpenAi);
  for (const Entry& entry : entries) {
    if (matches(entry.route.endpoint, path) && has_method(entry.methods, method)) return entry.route;
  }
  return kOther;
}

}  // namespace tegrascope
