// What a model reads from memory for each token it decodes, and how near that brings a decode to what the memory
// bus can carry (attribution method 4). Pure.
//
//   bytes per token = W + KV
//   W   all weights, once: the size of the model's file, or parameters times bits per weight of its quantization
//       where the file holds much else (a vision projector) or is not known. The token embeddings are counted
//       though only one row of them is read where they are not the output matrix as well: up to a tenth too much.
//   KV  layers * heads * (key + value length) * 2 bytes (f16) * mean context, within a sliding window where the
//       model has one
//
// A decode step of several requests at once reads the weights once for all of them, so the bandwidth of each
// request stands for itself: never add it up over requests that ran at the same time.
//
// Of a mixture of experts each token reads only some: used/all of the weights at least, all of them at most. That is no
// figure to show, only a bound that tells the impossible.
//
// Not a test of placement: CPU and GPU decode overlap (6-50 % and 13-26 % of the peak on Orin).
#pragma once

#include <optional>

#include "agent/model/ollama.hpp"
#include "agent/model/request.hpp"

namespace tegrascope {

// More of the bus than this cannot be: the token count is wrong, or several tokens came out of one pass over the
// weights (speculative decoding), or the model reads less than its file.
inline constexpr double kImpossibleShare = 1.05;

// Shorter decodes have no roofline: a token more or less would be a tenth of it.
inline constexpr std::int64_t kLeastRooflineTokens = 16;
inline constexpr Nanoseconds kLeastRooflineTime = std::chrono::seconds(1);

struct BytesPerToken {
  double bytes = 0;  // the least it can be of a mixture of experts
  BytesSource source{};
};

// Weights that a token reads; absent where neither file nor parameters are known, and of models computed elsewhere.
std::optional<BytesPerToken> weight_bytes_per_token(const ResidentModel& model);

// Context cache that a token reads per token of context, all layers; absent without the model's shape.
std::optional<double> cache_bytes_per_context_token(const ModelShape& shape);

// Roofline of a decode of `output_tokens` in `time`; absent when it is too short or the weights are not known.
// `peak_bytes_per_second`: what the bus can carry at the memory clock's limit now.
std::optional<Roofline> roofline_of(const ResidentModel& model, std::optional<std::int64_t> prompt_tokens,
                                    std::int64_t output_tokens, Nanoseconds time,
                                    std::optional<double> peak_bytes_per_second);

bool is_impossible(const Roofline& roofline);
// Adds the reason to a record whose roofline is impossible.
void mark_impossible(RequestRecord& record);

}  // namespace tegrascope
