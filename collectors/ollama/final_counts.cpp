#include "collectors/ollama/final_counts.hpp"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace tegrascope {
namespace {

// A month in nanoseconds; no count of tokens comes near it either.
constexpr std::int64_t kMostPlausible = 2'678'400'000'000'000;

// Ollama's words (llm/server.go, server/routes.go). Another upstream's free text is not kept.
std::string known_done_reason(const std::string& value) {
  for (const char* known : {"stop", "length", "load", "unload"})
    if (value == known) return value;
  return "other";
}

// Events of nlohmann's SAX parser. Ollama's own figures are top-level fields; the others sit in an object
// "usage" at the top, or one level down (response.usage of /v1/responses, message.usage of /v1/messages).
class FinalHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  FinalReading result;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return number(value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    if (timings_depth_ != 0 && timings_depth_ == depth_) return timing(value);
    return number(std::abs(value) < 9e18 ? static_cast<std::int64_t>(value) : INT64_MAX);
  }
  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "done_reason") counts().done_reason = known_done_reason(value);
    if (depth_ == 1 && key_ == "error") result.error = true;
    if (depth_ == 1 && !value.empty() && (key_ == "remote_host" || key_ == "remote_model"))
      result.remote = true;
    return true;
  }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 1) is_object_ = true;
    if (depth_ == 2 && key_ == "error") result.error = true;
    if (depth_ <= 3 && key_ == "usage") usage_depth_ = depth_;
    if (depth_ == 2 && key_ == "timings") timings_depth_ = depth_;
    key_.clear();
    return true;
  }
  bool end_object() override {
    if (usage_depth_ == depth_) usage_depth_ = 0;
    if (timings_depth_ == depth_) timings_depth_ = 0;
    if (depth_ == 1) complete();
    --depth_;
    key_.clear();
    return true;
  }
  bool start_array(std::size_t) override {
    ++depth_;
    key_.clear();
    return true;
  }
  bool end_array() override {
    --depth_;
    key_.clear();
    return true;
  }
  bool key(string_t& value) override {
    key_ = value.size() <= 32 ? value : std::string();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  bool is_object() const { return is_object_; }

 private:
  FinalCounts& counts() {
    if (!result.counts) result.counts.emplace();
    return *result.counts;
  }

  bool timing(double value) {
    if (!(value >= 0 && value * 1e6 <= static_cast<double>(kMostPlausible))) return true;  // -1: not known
    if (key_ == "prompt_ms") counts().prompt_eval_duration = from_seconds(value * 1e-3);
    if (key_ == "predicted_ms") counts().eval_duration = from_seconds(value * 1e-3);
    if (key_ == "prompt_n") timed_prompt_ += static_cast<std::int64_t>(value), prompt_timed_ = true;
    if (key_ == "cache_n") timed_prompt_ += static_cast<std::int64_t>(value);
    if (key_ == "predicted_n") timed_output_ = static_cast<std::int64_t>(value);
    return true;
  }

  // What only a combination of fields tells.
  void complete() {
    if (cached_tokens_ > 0 && counts().prompt_tokens) *counts().prompt_tokens += cached_tokens_;
    if (prompt_timed_ && !counts().prompt_tokens) counts().prompt_tokens = timed_prompt_;
    if (timed_output_ && !counts().output_tokens) counts().output_tokens = timed_output_;
  }

  bool number(std::int64_t value) {
    if (timings_depth_ != 0 && timings_depth_ == depth_) return timing(static_cast<double>(value));
    if (value < 0 || value > kMostPlausible) {
      result.implausible = result.implausible || is_figure();
      return true;
    }
    if (depth_ == 1) {
      if (key_ == "total_duration") counts().total_duration = Nanoseconds(value);
      if (key_ == "load_duration") counts().load_duration = Nanoseconds(value);
      if (key_ == "prompt_eval_duration") counts().prompt_eval_duration = Nanoseconds(value);
      if (key_ == "eval_duration") counts().eval_duration = Nanoseconds(value);
      if (key_ == "prompt_eval_count" || key_ == "tokens_evaluated") counts().prompt_tokens = value;
      if (key_ == "eval_count" || key_ == "tokens_predicted") counts().output_tokens = value;
    } else if (usage_depth_ == depth_) {
      if (key_ == "prompt_tokens" || key_ == "input_tokens") counts().prompt_tokens = value;
      if (key_ == "completion_tokens" || key_ == "output_tokens") counts().output_tokens = value;
      if (key_ == "cache_read_input_tokens" || key_ == "cache_creation_input_tokens") cached_tokens_ += value;
    }
    return true;
  }

  bool is_figure() const {
    if (depth_ == 1) return key_.ends_with("_duration") || key_.ends_with("eval_count");
    return usage_depth_ == depth_ && key_.ends_with("_tokens");
  }

  int depth_ = 0;
  int usage_depth_ = 0;  // depth of the usage object we are in, 0 outside
  int timings_depth_ = 0;
  std::int64_t cached_tokens_ = 0;
  std::int64_t timed_prompt_ = 0;
  bool prompt_timed_ = false;
  std::optional<std::int64_t> timed_output_;
  bool is_object_ = false;
  std::string key_;
};

bool has_durations(const FinalCounts& counts) {
  return counts.total_duration || counts.eval_duration || counts.prompt_eval_duration;
}

}  // namespace

FinalReading read_final_counts(std::string_view json) {
  FinalHandler handler;
  const bool parsed = nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  if (!parsed || !handler.is_object()) {
    FinalReading malformed;
    malformed.malformed = true;
    return malformed;
  }
  return std::move(handler.result);
}

void complete_from_final(RequestEnded& ended, std::string_view json) {
  FinalReading reading = read_final_counts(json);
  if (reading.malformed) {
    if (ended.observation_error.empty()) ended.observation_error = "json";
    return;
  }
  if (reading.implausible && ended.observation_error.empty()) ended.observation_error = "range";
  if (reading.error && ended.outcome == Outcome::ok) ended.outcome = Outcome::error;
  ended.remote = ended.remote || reading.remote;
  if (!reading.counts) return;
  FinalCounts& counts = *reading.counts;
  if (ended.content_chunks > 0 && counts.prompt_tokens == 0 && counts.output_tokens == 0 &&
      !has_durations(counts))
    return;
  if (ended.counts && !counts.prompt_tokens) counts.prompt_tokens = ended.counts->prompt_tokens;
  ended.counts = std::move(reading.counts);
}

}  // namespace tegrascope
