// Reads the figures out of the final object of a stream, or out of a body that was not streamed.
#pragma once

#include <optional>
#include <string_view>

#include "agent/model/request.hpp"
#include "collectors/ollama/routes.hpp"

namespace tegrascope {

struct FinalReading {
  bool malformed = false;             // no JSON object
  bool error = false;                 // it is an error object
  bool implausible = false;           // a figure was negative or beyond a month; it is left out
  bool remote = false;                // it names the remote host that computed it
  std::optional<FinalCounts> counts;  // absent when it holds none of the fields
};

// Reads Ollama's own fields, `usage` (OpenAI, Responses, Anthropic; Anthropic counts cached tokens beside
// input_tokens, here they are added) and `timings` (llama.cpp, milliseconds).
//
// Never throws for bad text; builds no tree, so memory stays small whatever the size. About 100 MB/s: texts
// of more than a few KiB do not belong on the relay thread. Any thread.
FinalReading read_final_counts(std::string_view json);

// Fills counts, observation_error, remote and, for an error object, outcome of `ended`. A figure that `ended`
// has and the object lacks stays. A usage of zeros beside content is none: Ollama's /v1/completions puts it in
// every chunk but the last.
void complete_from_final(RequestEnded& ended, std::string_view json);

}  // namespace tegrascope
