// The HTTP routes of the servers that can be observed, one table each. Sources: GenerateRoutes in
// server/routes.go of ollama 0.33; tools/server/server.cpp of llama.cpp; the OpenAI-compatible server of
// vLLM.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/model/ollama.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

// How a streamed answer of the route is framed.
enum class StreamFormat : std::uint8_t {
  none,    // never streamed
  ndjson,  // one JSON object per line
  sse      // "data: {...}" events
};

// Whose vocabulary the JSON of the route speaks; decides where content, end and token counts are looked for.
enum class Dialect : std::uint8_t {
  ollama,     // /api/*: final object with done:true
  openai,     // /v1/chat/completions, /v1/completions, /v1/embeddings: usage, [DONE]
  responses,  // /v1/responses: response.completed carries usage
  anthropic,  // /v1/messages: message_start and message_delta carry usage
  llama_cpp   // llama.cpp's own /completion: object with stop:true, timings
};

struct Route {
  std::string_view endpoint;  // template, e.g. "/v1/models/:model"; "other" outside the table
  Operation operation = Operation::other;
  bool is_inference = false;        // only these become requests
  bool streams_by_default = false;  // when the body says nothing of "stream"
  StreamFormat stream_format = StreamFormat::none;
  Dialect dialect = Dialect::ollama;
};

// Never fails: what is not in the table is the route "other". The query string is ignored. The result lives
// for ever.
const Route& find_route(std::string_view method, std::string_view target,
                        UpstreamKind kind = UpstreamKind::ollama);

}  // namespace tegrascope
