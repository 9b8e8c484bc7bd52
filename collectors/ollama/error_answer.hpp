// Answers that the relay itself gives: a request it refuses, an Ollama it cannot reach.
#pragma once

#include <string>
#include <string_view>

namespace tegrascope {

// A whole HTTP/1.1 answer with Connection: close and the error in Ollama's form, or in OpenAI's for targets
// below /v1/. No body after HEAD. `message` is plain text of ours.
std::string make_error_answer(int status, std::string_view message, std::string_view method,
                              std::string_view target);

}  // namespace tegrascope
