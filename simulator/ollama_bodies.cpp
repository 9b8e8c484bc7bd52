#include "simulator/ollama_bodies.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

namespace tegrascope::simulator {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 24> kWords{"The",    " board", " reads",  " its",  " sensors", " many",
                                                  " times", " a",     " second", ",",     " so",      " that",
                                                  " the",   " work",  " of",     " each", " request", " can",
                                                  " be",    " told",  " from",   " idle", " time",    "."};

std::string utc_time(std::chrono::system_clock::time_point at) {
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, nanoseconds % 1'000'000'000);
}

std::string created_at() { return utc_time(std::chrono::system_clock::now()); }

Json details(const SimulatedModel& model) {
  return Json{{"parent_model", ""},
              {"format", "gguf"},
              {"family", model.family},
              {"families", Json::array({model.family})},
              {"parameter_size", model.parameter_size},
              {"quantization_level", model.quantization}};
}

// About four characters of English are a token.
std::int64_t tokens_of(std::string_view text) { return static_cast<std::int64_t>(text.size() / 4 + 1); }

std::int64_t tokens_of(const Json& content) {
  if (content.is_string()) return tokens_of(std::string_view(content.get_ref<const std::string&>()));
  std::int64_t sum = 0;
  if (content.is_array())
    for (const Json& part : content)
      if (part.is_object() && part.contains("text")) sum += tokens_of(part["text"]);
  return sum;
}

std::optional<Json> parse_object(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

template <typename T>
std::optional<T> number(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_number()) return std::nullopt;
  return it->get<T>();
}

std::string text_of(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool flag(const Json& json, const char* name, bool otherwise) {
  const auto it = json.find(name);
  return it != json.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

// A number of seconds, or a text such as "5m", "30s", "-1".
std::optional<Nanoseconds> keep_alive_of(const Json& json) {
  if (const auto seconds = number<double>(json, "keep_alive")) return from_seconds(*seconds);
  const std::string text = text_of(json, "keep_alive");
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  const std::string unit(end);
  const double factor = unit == "h" ? 3600 : unit == "m" ? 60 : unit == "ms" ? 0.001 : 1;
  return from_seconds(value * factor);
}

Json metrics(const RequestTruth& truth, Nanoseconds total) {
  Json json{{"total_duration", total.count()},
            {"load_duration", truth.load_duration.count()},
            {"prompt_eval_count", truth.prompt_tokens},
            {"prompt_eval_duration", truth.prompt_eval_duration.count()}};
  if (truth.output_tokens > 0) {  // the real one leaves zeros out
    json["eval_count"] = truth.output_tokens;
    json["eval_duration"] = truth.eval_duration.count();
  }
  return json;
}

Json openai_head(const std::string& model, std::int64_t id, const char* object) {
  return Json{{"id", fmt::format("chatcmpl-{}", id)},
              {"object", object},
              {"created", static_cast<std::int64_t>(std::time(nullptr))},
              {"model", model},
              {"system_fingerprint", "fp_ollama"}};
}

Json usage(const RequestTruth& truth) {
  return Json{{"prompt_tokens", truth.prompt_tokens},
              {"completion_tokens", truth.output_tokens},
              {"total_tokens", truth.prompt_tokens + truth.output_tokens}};
}

std::string event(const Json& json) { return "data: " + json.dump() + "\n\n"; }

void put_text(Json& json, GenerationApi api, std::string_view text) {
  if (api == GenerationApi::chat)
    json["message"] = Json{{"role", "assistant"}, {"content", text}};
  else
    json["response"] = text;
}

}  // namespace

std::optional<ParsedRequest> parse_generation(GenerationApi api, std::string_view body,
                                              std::int64_t natural_tokens) {
  const std::optional<Json> json = parse_object(body);
  if (!json) return std::nullopt;
  ParsedRequest request;
  request.api = api;
  request.model = text_of(*json, "model");
  request.streamed = flag(*json, "stream", api != GenerationApi::openai_chat);
  const Json options = json->value("options", Json::object());
  std::int64_t limit = number<std::int64_t>(options, "num_predict").value_or(-1);
  if (api == GenerationApi::openai_chat) {
    limit = number<std::int64_t>(*json, "max_tokens").value_or(-1);
    limit = number<std::int64_t>(*json, "max_completion_tokens").value_or(limit);
    request.usage_in_stream = flag(json->value("stream_options", Json::object()), "include_usage", false);
  }
  request.limited = limit > 0;
  request.order.output_tokens = limit > 0 ? limit : natural_tokens;
  request.order.cpu_asked = number<int>(options, "num_gpu") == 0;
  request.order.keep_alive = keep_alive_of(*json);
  std::int64_t tokens = 0;
  if (api == GenerationApi::generate) {
    const std::string prompt = text_of(*json, "prompt");
    request.empty_prompt = prompt.empty();
    tokens = tokens_of(std::string_view(prompt));
  } else {
    const Json messages = json->value("messages", Json::array());
    request.empty_prompt = messages.empty();
    for (const Json& message : messages)
      if (message.is_object() && message.contains("content")) tokens += 4 + tokens_of(message["content"]);
  }
  request.order.prompt_tokens = tokens + 9;  // the template's own
  return request;
}

std::optional<EmbedRequest> parse_embed(std::string_view body) {
  const std::optional<Json> json = parse_object(body);
  if (!json) return std::nullopt;
  EmbedRequest request;
  request.model = text_of(*json, "model");
  const Json input = json->value("input", Json());
  if (input.is_string()) {
    request.inputs = 1;
    request.prompt_tokens = tokens_of(input);
  } else if (input.is_array()) {
    for (const Json& text : input) {
      ++request.inputs;
      request.prompt_tokens += tokens_of(text);
    }
  }
  return request;
}

std::optional<std::string> parse_model_name(std::string_view body) {
  const std::optional<Json> json = parse_object(body);
  if (!json) return std::nullopt;
  const std::string model = text_of(*json, "model");
  return model.empty() ? text_of(*json, "name") : model;
}

std::string_view answer_word(std::int64_t n) { return kWords[static_cast<std::size_t>(n) % kWords.size()]; }

std::string answer_text(std::int64_t words) {
  std::string text;
  for (std::int64_t i = 0; i < words; ++i) text += answer_word(i);
  return text;
}

std::string error_body(std::string_view message) { return Json{{"error", message}}.dump(); }

std::string openai_error_body(std::string_view message, std::string_view type) {
  return Json{{"error", Json{{"message", message}, {"type", type}, {"param", nullptr}, {"code", nullptr}}}}
      .dump();
}

std::string version_body(std::string_view version) { return Json{{"version", version}}.dump(); }

std::string tags_body() {
  Json models = Json::array();
  for (const SimulatedModel& model : simulated_models())
    models.push_back(Json{{"name", model.name},
                          {"model", model.name},
                          {"modified_at", "2025-07-02T09:14:31.120394871Z"},
                          {"size", model.weights_bytes},
                          {"digest", manifest_digest(model)},
                          {"details", details(model)}});
  return Json{{"models", models}}.dump();
}

std::string ps_body(const std::optional<Engine::Resident>& resident, bool lie) {
  Json models = Json::array();
  if (resident) {
    const SimulatedModel& model = resident->model;
    const std::uint64_t size = model.weights_bytes + model.working_bytes;
    const double share = lie || resident->placement == Placement::gpu ? 1.0
                         : resident->placement == Placement::partial  ? resident->gpu_fraction
                                                                      : 0.0;
    models.push_back(Json{{"name", model.name},
                          {"model", model.name},
                          {"size", size},
                          {"digest", manifest_digest(model)},
                          {"details", details(model)},
                          {"expires_at", utc_time(resident->expires_at)},
                          {"size_vram", static_cast<std::uint64_t>(static_cast<double>(size) * share)},
                          {"context_length", 4096}});
  }
  return Json{{"models", models}}.dump();
}

std::string show_body(const SimulatedModel& model) {
  const std::string from = "/usr/share/ollama/.ollama/models/blobs/sha256-" + blob_digest(model);
  return Json{
      {"modelfile", fmt::format("# {}\n\nFROM {}\nTEMPLATE \"{{{{ .Prompt }}}}\"\n", model.name, from)},
      {"template", "{{ .Prompt }}"},
      {"details", details(model)},
      {"model_info", Json{{"general.architecture", model.family},
                          {"general.file_type", 15},
                          {fmt::format("{}.block_count", model.family), model.layers - 1},
                          {fmt::format("{}.context_length", model.family), 32768}}},
      {"capabilities", Json::array({"completion"})},
      {"modified_at", "2025-07-02T09:14:31.120394871Z"}}
      .dump();
}

std::string openai_models_body() {
  Json data = Json::array();
  for (const SimulatedModel& model : simulated_models())
    data.push_back(
        Json{{"id", model.name}, {"object", "model"}, {"created", 1751447671}, {"owned_by", "library"}});
  return Json{{"object", "list"}, {"data", data}}.dump();
}

std::string embed_body(const EmbedRequest& request, const RequestTruth& truth, Nanoseconds total) {
  Json vectors = Json::array();
  for (std::int64_t i = 0; i < request.inputs; ++i) {
    Json vector = Json::array();
    for (int j = 0; j < 16; ++j) vector.push_back(j % 2 == 0 ? 0.25 : -0.25);
    vectors.push_back(vector);
  }
  return Json{{"model", request.model},
              {"embeddings", vectors},
              {"total_duration", total.count()},
              {"load_duration", truth.load_duration.count()},
              {"prompt_eval_count", truth.prompt_tokens}}
      .dump();
}

std::string token_line(GenerationApi api, const std::string& model, std::string_view text) {
  Json json{{"model", model}, {"created_at", created_at()}};
  put_text(json, api, text);
  json["done"] = false;
  return json.dump() + "\n";
}

std::string load_line(GenerationApi api, const std::string& model, std::string_view done_reason) {
  Json json{{"model", model}, {"created_at", created_at()}};
  put_text(json, api, "");
  json["done"] = true;
  json["done_reason"] = done_reason;
  return json.dump() + "\n";
}

std::string final_object(GenerationApi api, const RequestTruth& truth, Nanoseconds total,
                         std::string_view text, std::string_view done_reason) {
  Json json{{"model", truth.model}, {"created_at", created_at()}};
  put_text(json, api, text);
  json["done"] = true;
  json["done_reason"] = done_reason;
  if (api == GenerationApi::generate) json["context"] = Json::array({151644, 872, 198, 151645});
  json.update(metrics(truth, total));
  return json.dump();
}

std::string openai_delta(const std::string& model, std::int64_t id, std::string_view text, bool first) {
  Json json = openai_head(model, id, "chat.completion.chunk");
  Json delta = Json::object();
  if (first) delta["role"] = "assistant";
  delta["content"] = text;
  json["choices"] = Json::array({Json{{"index", 0}, {"delta", delta}, {"finish_reason", nullptr}}});
  return event(json);
}

std::string openai_finish(const std::string& model, std::int64_t id, std::string_view finish_reason) {
  Json json = openai_head(model, id, "chat.completion.chunk");
  json["choices"] =
      Json::array({Json{{"index", 0}, {"delta", Json::object()}, {"finish_reason", finish_reason}}});
  return event(json);
}

std::string openai_usage(const RequestTruth& truth, std::int64_t id) {
  Json json = openai_head(truth.model, id, "chat.completion.chunk");
  json["choices"] = Json::array();
  json["usage"] = usage(truth);
  return event(json);
}

std::string openai_answer(const RequestTruth& truth, std::int64_t id, std::string_view text,
                          std::string_view finish_reason) {
  Json json = openai_head(truth.model, id, "chat.completion");
  json["choices"] = Json::array({Json{{"index", 0},
                                      {"message", Json{{"role", "assistant"}, {"content", text}}},
                                      {"finish_reason", finish_reason}}});
  json["usage"] = usage(truth);
  return json.dump() + "\n";
}

std::string slots_body(const Engine::Slot& slot) {
  return Json::array(
             {Json{{"id", 0},
                   {"id_task", slot.task},
                   {"n_ctx", 4096},
                   {"speculative", false},
                   {"is_processing", slot.busy},
                   {"params", Json{{"n_predict", -1}, {"temperature", 0.800000011920929}, {"stream", true}}},
                   {"next_token", Json{{"has_next_token", slot.busy},
                                       {"has_new_line", false},
                                       {"n_remain", -1},
                                       {"n_decoded", slot.decoded}}}}})
      .dump();
}

}  // namespace tegrascope::simulator
