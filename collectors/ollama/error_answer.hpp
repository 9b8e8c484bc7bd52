// Answers that the relay itself gives: a request it refuses, a server it cannot reach.
#pragma once

#include <string>
#include <string_view>

#include "agent/model/ollama.hpp"

namespace tegrascope {

// A whole HTTP/1.1 answer with Connection: close. The error has the form that clients of the route know: Anthropic's
// for /v1/messages, OpenAI's below /v1/ and for servers that speak only OpenAI's API, Ollama's for the rest. No body
// after HEAD. `message` is plain text of ours.
std::string make_error_answer(int status, std::string_view message, std::string_view method,
                              std::string_view target, UpstreamKind kind = UpstreamKind::ollama);

}  // namespace tegrascope
