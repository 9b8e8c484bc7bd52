// The wordings by which Ollama, llama.cpp and the CUDA and Tegra libraries tell that something went wrong,
// with the reason class of each. Sources: gpu/, discover/, llm/ and server/ of ollama at its tags 0.1.0 to
// 0.33, ggml-cuda.cu, NVIDIA's list of CUDA errors (cudaError_t) and of NVML. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "collectors/ollama/log/log_event.hpp"

namespace tegrascope {

// The trouble that `text` tells (a message, an error attribute, a line of C text), nothing when it tells
// none.
std::optional<LogTrouble> find_trouble(std::string_view text);

// Why a load or a runner ended, from the text of the error: find_trouble's reason, or what its exit status
// says.
ReasonClass failure_reason(std::string_view error);

}  // namespace tegrascope
