// The JSON texts of the simulated Ollama, with the fields and the order of the real one. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simulator/engine.hpp"

namespace tegrascope::simulator {

enum class GenerationApi : std::uint8_t { generate, chat, openai_chat };

// What the body of a generation request asks for.
struct ParsedRequest {
  GenerationApi api = GenerationApi::generate;
  std::string model;
  bool streamed = true;
  bool usage_in_stream = false;  // stream_options.include_usage
  bool limited = false;          // a token limit was given: done_reason is then length, else stop
  bool empty_prompt = false;     // loads or unloads the model, no inference
  GenerationOrder order;         // without the model
};

// nullopt: the body is no JSON object. Reads model, prompt or messages, stream, options.num_predict,
// options.num_gpu, keep_alive, max_tokens, max_completion_tokens and stream_options. `natural_tokens` is the
// length of an answer when the request sets no limit.
std::optional<ParsedRequest> parse_generation(GenerationApi api, std::string_view body,
                                              std::int64_t natural_tokens);

struct EmbedRequest {
  std::string model;
  std::int64_t inputs = 0;
  std::int64_t prompt_tokens = 0;
};
std::optional<EmbedRequest> parse_embed(std::string_view body);
// The `model` (or `name`) of a body such as /api/show's; nullopt: no JSON object.
std::optional<std::string> parse_model_name(std::string_view body);

// The nth word of every answer.
std::string_view answer_word(std::int64_t n);
std::string answer_text(std::int64_t words);

std::string error_body(std::string_view message);
std::string openai_error_body(std::string_view message, std::string_view type);
std::string version_body(std::string_view version);
std::string tags_body();
// `lie`: claims 100 % GPU whatever the placement.
std::string ps_body(const std::optional<Engine::Resident>& resident, bool lie);
std::string show_body(const SimulatedModel& model);
std::string openai_models_body();
std::string embed_body(const EmbedRequest& request, const RequestTruth& truth, Nanoseconds total);

// One object of /api/generate or /api/chat, with a newline.
std::string token_line(GenerationApi api, const std::string& model, std::string_view text);
std::string load_line(GenerationApi api, const std::string& model, std::string_view done_reason);
// The last object of a stream (text empty), or the whole answer. `done_reason`: stop or length.
std::string final_object(GenerationApi api, const RequestTruth& truth, Nanoseconds total,
                         std::string_view text, std::string_view done_reason);

// /v1/chat/completions. Events end with an empty line.
std::string openai_delta(const std::string& model, std::int64_t id, std::string_view text, bool first);
std::string openai_finish(const std::string& model, std::int64_t id, std::string_view finish_reason);
std::string openai_usage(const RequestTruth& truth, std::int64_t id);
std::string openai_answer(const RequestTruth& truth, std::int64_t id, std::string_view text,
                          std::string_view finish_reason);

// GET /slots of the runner.
std::string slots_body(const Engine::Slot& slot);

}  // namespace tegrascope::simulator
