#include "agent/attribution/roofline.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace tegrascope {
namespace {

// Bits per weight of whole files: the block types of ggml, and for the mixed ones what files of 7B to 8B models come
// to.
constexpr std::array<std::pair<std::string_view, double>, 20> kBitsPerWeight{
    {{"F32", 32},     {"F16", 16},     {"BF16", 16},    {"Q8_0", 8.5},   {"Q6_K", 6.56},
     {"Q5_K_M", 5.7}, {"Q5_K_S", 5.6}, {"Q5_1", 6.0},   {"Q5_0", 5.5},   {"Q4_K_M", 4.9},
     {"Q4_K_S", 4.7}, {"Q4_1", 5.0},   {"Q4_0", 4.6},   {"IQ4_NL", 4.7}, {"IQ4_XS", 4.4},
     {"MXFP4", 4.4},  {"Q3_K_L", 4.3}, {"Q3_K_M", 4.0}, {"Q3_K_S", 3.6}, {"Q2_K", 3.2}}};

// A file that is smaller or larger than its parameters by more than this holds something else too.
constexpr double kLeastOfParameters = 0.8;
constexpr double kMostOfParameters = 1.25;
constexpr double kCacheBytesPerElement = 2;  // f16, Ollama's default

std::optional<double> bits_per_weight(std::string_view quantization) {
  for (const auto& [name, bits] : kBitsPerWeight) {
    if (name == quantization) return bits;
  }
  return std::nullopt;
}

bool positive(const std::optional<std::int64_t>& value) { return value && *value > 0; }

}  // namespace

std::optional<BytesPerToken> weight_bytes_per_token(const ResidentModel& model) {
  if (model.remote) return std::nullopt;
  const ModelShape shape = model.shape.value_or(ModelShape{});
  std::optional<double> by_parameters;
  if (const auto bits = bits_per_weight(model.quantization); bits && positive(shape.parameter_count))
    by_parameters = static_cast<double>(*shape.parameter_count) * *bits / 8;
  std::optional<double> by_file;
  if (model.file_bytes && *model.file_bytes > 0) by_file = static_cast<double>(*model.file_bytes);
  if (!by_file && !by_parameters) return std::nullopt;

  const bool file_is_the_model =
      by_file && (!by_parameters || (*by_file >= kLeastOfParameters * *by_parameters &&
                                     *by_file <= kMostOfParameters * *by_parameters));
  BytesPerToken out{file_is_the_model ? *by_file : *by_parameters,
                    file_is_the_model ? BytesSource::file : BytesSource::parameters};
  if (positive(shape.expert_count)) {
    const double used = static_cast<double>(shape.expert_used_count.value_or(1));
    out.bytes *= std::clamp(used / static_cast<double>(*shape.expert_count), 0.0, 1.0);
    out.source = BytesSource::experts;
  }
  return out;
}

std::optional<double> cache_bytes_per_context_token(const ModelShape& shape) {
  const auto heads = positive(shape.head_count_kv) ? shape.head_count_kv : shape.head_count;
  if (!positive(shape.block_count) || !positive(heads)) return std::nullopt;
  std::optional<std::int64_t> key = shape.key_length;
  if (!positive(key) && positive(shape.embedding_length) && positive(shape.head_count))
    key = *shape.embedding_length / *shape.head_count;
  if (!positive(key)) return std::nullopt;
  const std::int64_t value = positive(shape.value_length) ? *shape.value_length : *key;
  return static_cast<double>(*shape.block_count) * static_cast<double>(*heads) *
         static_cast<double>(*key + value) * kCacheBytesPerElement;
}

std::optional<Roofline> roofline_of(const ResidentModel& model, std::optional<std::int64_t> prompt_tokens,
                                    std::int64_t output_tokens, Nanoseconds time,
                                    std::optional<double> peak_bytes_per_second) {
  if (output_tokens < kLeastRooflineTokens || time < kLeastRooflineTime) return std::nullopt;
  const auto weights = weight_bytes_per_token(model);
  if (!weights) return std::nullopt;

  Roofline out;
  out.source = weights->source;
  out.bytes_per_token = weights->bytes;
  const auto cache = model.shape ? cache_bytes_per_context_token(*model.shape) : std::nullopt;
  // Nobody tells which layers have the sliding window: it counts for all of them.
  if (cache) {
    double context = static_cast<double>(prompt_tokens.value_or(0)) + static_cast<double>(output_tokens) / 2;
    if (positive(model.context_length))
      context = std::min(context, static_cast<double>(*model.context_length));
    if (positive(model.shape->sliding_window))
      context = std::min(context, static_cast<double>(*model.shape->sliding_window));
    out.bytes_per_token += *cache * context;
  }
  out.bytes_per_second = out.bytes_per_token * static_cast<double>(output_tokens) / to_seconds(time);
  if (peak_bytes_per_second && *peak_bytes_per_second > 0) out.peak_bytes_per_second = peak_bytes_per_second;
  return out;
}

bool is_impossible(const Roofline& roofline) {
  const auto share = roofline.of_peak();
  return share && *share > kImpossibleShare;
}

void mark_impossible(RequestRecord& record) {
  if (record.roofline && is_impossible(*record.roofline)) record.reasons.emplace_back(kImpossibleBandwidth);
}

}  // namespace tegrascope
