// What the simulated Ollama answers, endpoint by endpoint.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "simulator/ollama_server.hpp"

namespace tegrascope::simulator {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kJson = "application/json; charset=utf-8";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kNdjson = "application/x-ndjson";
constexpr std::string_view kEvents = "text/event-stream";

// Versions of the two kinds of runner.
std::string_view version_of(RunnerKind runner) {
  return runner == RunnerKind::llama_server ? "0.30.5" : "0.12.6";
}

std::string_view done_reason(const ParsedRequest& parsed) { return parsed.limited ? "length" : "stop"; }

bool is_openai(std::string_view path) { return path.rfind("/v1/", 0) == 0; }

bool known_path(std::string_view path) {
  constexpr std::array<std::string_view, 10> kPaths{
      "/",         "/api/version", "/api/tags",  "/api/ps",       "/v1/models",
      "/api/show", "/api/chat",    "/api/embed", "/api/generate", "/v1/chat/completions"};
  for (const std::string_view known : kPaths)
    if (path == known) return true;
  return false;
}

std::string error_type(int status) {
  if (status == 400) return "invalid_request_error";
  return status == 404 ? "not_found_error" : "api_error";
}

}  // namespace

asio::awaitable<void> SimulatedOllama::answer_error(HttpConnection& client, const HttpRequest& request,
                                                    int status, std::string message) {
  std::string body =
      is_openai(request.path) ? openai_error_body(message, error_type(status)) : error_body(message);
  co_await client.answer(request, status, kJson, std::move(body));
}

asio::awaitable<void> SimulatedOllama::route(HttpConnection& client, const HttpRequest& request) {
  if (request.method == "POST") {
    if (request.path == "/api/generate") {
      co_await answer_generation(client, request, GenerationApi::generate);
      co_return;
    }
    if (request.path == "/api/chat") {
      co_await answer_generation(client, request, GenerationApi::chat);
      co_return;
    }
    if (request.path == "/v1/chat/completions") {
      co_await answer_generation(client, request, GenerationApi::openai_chat);
      co_return;
    }
    if (request.path == "/api/show") {
      co_await answer_show(client, request);
      co_return;
    }
    if (request.path == "/api/embed") {
      co_await answer_embed(client, request);
      co_return;
    }
  }
  if (request.method == "GET" || request.method == "HEAD") {
    const bool answered = co_await answer_plain(client, request);
    if (answered) co_return;
  }
  if (known_path(request.path))
    co_await client.answer(request, 405, kPlain, "405 method not allowed");
  else
    co_await client.answer(request, 404, kPlain, "404 page not found");
}

asio::awaitable<bool> SimulatedOllama::answer_plain(HttpConnection& client, const HttpRequest& request) {
  std::string_view type = kJson;
  std::string body;
  if (request.path == "/") {
    type = kPlain;
    body = "Ollama is running";
  } else if (request.path == "/api/version") {
    body = version_body(version_of(options_.engine.runner));
  } else if (request.path == "/api/tags") {
    body = tags_body();
  } else if (request.path == "/api/ps") {
    body = ps_body(engine_.resident(), options_.lie);
  } else if (request.path == "/v1/models") {
    body = openai_models_body();
  } else {
    co_return false;
  }
  co_await client.answer(request, 200, type, std::move(body));
  co_return true;
}

asio::awaitable<void> SimulatedOllama::route_runner(HttpConnection& client, const HttpRequest& request) {
  if (request.path == "/health") {
    co_await client.answer(request, 200, kJson, R"({"status":"ok"})");
  } else if (request.path == "/slots" && options_.engine.runner == RunnerKind::llama_server) {
    std::string body = slots_body(engine_.slot());
    co_await client.answer(request, 200, kJson, std::move(body));
  } else {
    std::string body = R"({"error":{"code":404,"message":"File Not Found","type":"not_found_error"}})";
    co_await client.answer(request, 404, kJson, std::move(body));
  }
}

asio::awaitable<void> SimulatedOllama::answer_show(HttpConnection& client, const HttpRequest& request) {
  const std::optional<std::string> name = parse_model_name(request.body);
  if (!name) {
    co_await answer_error(client, request, 400, "missing request body");
    co_return;
  }
  const SimulatedModel* model = find_model(*name);
  if (model == nullptr) {
    std::string message = fmt::format("model '{}' not found", *name);
    co_await answer_error(client, request, 404, std::move(message));
    co_return;
  }
  std::string body = show_body(*model);
  co_await client.answer(request, 200, kJson, std::move(body));
}

asio::awaitable<void> SimulatedOllama::answer_embed(HttpConnection& client, const HttpRequest& request) {
  const std::optional<EmbedRequest> embed = parse_embed(request.body);
  if (!embed) {
    co_await answer_error(client, request, 400, "missing request body");
    co_return;
  }
  const SimulatedModel* model = find_model(embed->model);
  if (model == nullptr) {
    std::string message = fmt::format("model '{}' not found", embed->model);
    co_await answer_error(client, request, 404, std::move(message));
    co_return;
  }
  GenerationOrder order;
  order.model = model;
  order.endpoint = request.path;
  order.prompt_tokens = embed->prompt_tokens;
  const std::unique_ptr<Generation> generation = co_await engine_.begin(client, std::move(order));
  if (!generation) co_return;
  generation->finish();
  std::string body = embed_body(*embed, generation->truth(), generation->total_duration());
  co_await client.answer(request, 200, kJson, std::move(body));
}

asio::awaitable<void> SimulatedOllama::answer_generation(HttpConnection& client, const HttpRequest& request,
                                                         GenerationApi api) {
  std::optional<ParsedRequest> parsed = parse_generation(api, request.body, options_.natural_tokens);
  if (!parsed) {
    co_await answer_error(client, request, 400,
                          request.body.empty() ? "missing request body" : "invalid JSON");
    co_return;
  }
  const SimulatedModel* model = find_model(parsed->model);
  if (model == nullptr) {
    std::string message = fmt::format("model '{}' not found", parsed->model);
    co_await answer_error(client, request, 404, std::move(message));
    co_return;
  }
  parsed->order.model = model;
  parsed->order.endpoint = request.path;
  if (parsed->empty_prompt && api == GenerationApi::openai_chat) {
    co_await answer_error(client, request, 400, "[] is too short - 'messages'");
    co_return;
  }
  if (parsed->empty_prompt) {
    co_await answer_load(client, request, *parsed);
    co_return;
  }
  GenerationOrder order = parsed->order;
  const std::unique_ptr<Generation> generation = co_await engine_.begin(client, std::move(order));
  if (!generation) co_return;
  if (parsed->streamed)
    co_await stream(client, request, *parsed, *generation);
  else
    co_await answer_whole(client, request, *parsed, *generation);
}

asio::awaitable<void> SimulatedOllama::answer_load(HttpConnection& client, const HttpRequest& request,
                                                   const ParsedRequest& parsed) {
  const bool unload = parsed.order.keep_alive && parsed.order.keep_alive->count() == 0;
  GenerationOrder order = parsed.order;
  const bool ready = co_await engine_.load_only(client, std::move(order));
  if (!ready) co_return;
  std::string body = load_line(parsed.api, parsed.order.model->name, unload ? "unload" : "load");
  co_await client.answer(request, 200, kJson, std::move(body));
}

asio::awaitable<void> SimulatedOllama::stream(HttpConnection& client, const HttpRequest& request,
                                              const ParsedRequest& parsed, Generation& generation) {
  const bool openai = parsed.api == GenerationApi::openai_chat;
  const std::string& model = parsed.order.model->name;
  const std::int64_t id = next_id_++;
  client.begin_stream(request, openai ? kEvents : kNdjson);
  bool more = co_await generation.next_token(client);
  for (std::int64_t i = 0; more; ++i) {
    std::string chunk = openai ? openai_delta(model, id, answer_word(i), i == 0)
                               : token_line(parsed.api, model, answer_word(i));
    co_await client.send_chunk(std::move(chunk));
    more = co_await generation.next_token(client);
  }
  if (generation.client_left()) {
    client.close();
    co_return;
  }
  generation.finish();
  std::string last;
  if (!openai) {
    last =
        final_object(parsed.api, generation.truth(), generation.total_duration(), "", done_reason(parsed)) +
        "\n";
  } else {
    last = openai_finish(model, id, done_reason(parsed));
    if (parsed.usage_in_stream) last += openai_usage(generation.truth(), id);
    last += "data: [DONE]\n\n";
  }
  co_await client.send_chunk(std::move(last));
  co_await client.end_stream();
}

asio::awaitable<void> SimulatedOllama::answer_whole(HttpConnection& client, const HttpRequest& request,
                                                    const ParsedRequest& parsed, Generation& generation) {
  bool more = true;
  while (more) more = co_await generation.next_token(client);
  if (generation.client_left()) {
    client.close();
    co_return;
  }
  generation.finish();
  const RequestTruth& truth = generation.truth();
  const std::string text = answer_text(truth.output_tokens);
  std::string body =
      parsed.api == GenerationApi::openai_chat
          ? openai_answer(truth, next_id_++, text, done_reason(parsed))
          : final_object(parsed.api, truth, generation.total_duration(), text, done_reason(parsed));
  co_await client.answer(request, 200, kJson, std::move(body));
}

}  // namespace tegrascope::simulator
