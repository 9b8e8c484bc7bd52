#include "agent/cli/decode_exchange.hpp"

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <variant>

#include "agent/cli/json_lines.hpp"
#include "collectors/ollama/exchange.hpp"
#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

struct Record {
  RequestStarted started;
  RequestDescribed described;
  RequestEnded ended;
};

Json counts_json(const FinalCounts& counts) {
  Json json = Json::object();
  put(json, "prompt_tokens", counts.prompt_tokens);
  put(json, "output_tokens", counts.output_tokens);
  put_seconds(json, "total_duration_seconds", counts.total_duration);
  put_seconds(json, "load_duration_seconds", counts.load_duration);
  put_seconds(json, "prompt_eval_duration_seconds", counts.prompt_eval_duration);
  put_seconds(json, "eval_duration_seconds", counts.eval_duration);
  put(json, "done_reason", counts.done_reason);
  return json;
}

Json record_json(const Record& record) {
  Json json{{"endpoint", record.started.endpoint}, {"operation", to_string(record.started.operation)}};
  const RequestDescribed& asked = record.described;
  put(json, "model", asked.model);
  json["streamed"] = asked.streamed;
  if (asked.remote || record.ended.remote) json["remote"] = true;
  if (record.ended.status_code != 0) json["status"] = record.ended.status_code;
  json["outcome"] = to_string(record.ended.outcome);
  json["content_chunks"] = record.ended.content_chunks;
  if (record.ended.counts) json["counts"] = counts_json(*record.ended.counts);
  Json options = Json::object();
  put(options, "num_gpu", asked.gpu_layers);
  put(options, "num_predict", asked.num_predict);
  put(options, "num_ctx", asked.context_length);
  if (!options.empty()) json["options"] = std::move(options);
  put(json, "keep_alive", asked.keep_alive);
  put(json, "observation_error", record.ended.observation_error);
  return json;
}

// The text with CR before each LF of its head, when the head has no CR at all.
std::string with_crlf(std::string_view text) {
  const std::size_t end = text.find("\n\n");
  if (end == std::string_view::npos) return std::string(text);
  const std::string_view head = text.substr(0, end + 2);
  if (head.find('\r') != std::string_view::npos) return std::string(text);
  std::string out;
  for (const char c : head) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out.append(text.substr(head.size()));
}

// A request as a client sends it: what a file written by hand lacks of its head is put in.
std::string complete_request(std::string_view text) {
  std::string request = with_crlf(text);
  const std::size_t end = request.find("\r\n\r\n");
  if (end == std::string::npos) return request;
  const std::string head = to_lower(std::string_view(request).substr(0, end + 2));
  const bool has_body = request.size() > end + 4;
  std::string missing;
  if (head.find("\r\nhost:") == std::string::npos) missing += "\r\nHost: localhost";
  if (has_body && head.find("\r\ncontent-length:") == std::string::npos &&
      head.find("\r\ntransfer-encoding:") == std::string::npos && head.starts_with("post "))
    missing += "\r\nContent-Length: " + std::to_string(request.size() - end - 4);
  return request.insert(end, missing);
}

std::map<RequestId, Record> observe(std::string_view request, std::string_view response, UpstreamKind kind) {
  std::map<RequestId, Record> records;
  RequestIds ids;
  ExchangeContext context{Witness::capture, "", ids, {}, {}, kind};
  context.sink = [&](RequestEvent&& event) {
    if (auto* started = std::get_if<RequestStarted>(&event))
      records[started->id].started = std::move(*started);
    if (auto* asked = std::get_if<RequestDescribed>(&event)) records[asked->id].described = std::move(*asked);
    if (auto* ended = std::get_if<RequestEnded>(&event)) records[ended->id].ended = std::move(*ended);
  };
  const MonotonicTime no_time{};
  Exchange exchange(context);
  exchange.feed_request(request, no_time);
  exchange.feed_response(response, no_time);
  if (response.empty()) {
    exchange.abandon(no_time);
  } else {
    exchange.upstream_closed(no_time);
  }
  return records;
}

// What the heads alone tell of a request that is no inference.
std::variant<Json, std::string> heads_json(const std::string& request, const std::string& response,
                                           UpstreamKind kind) {
  const auto found = find_request_head_end(request, 0);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return refusal->message;
  const auto end = std::get<std::optional<std::size_t>>(found);
  if (!end)
    return std::string(
        "the request has no complete HTTP head: it must begin with a line like POST /api/chat HTTP/1.1");
  const auto checked = check_request_head(std::string_view(request).substr(0, *end));
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return refusal->message;
  const auto& head = std::get<RequestHead>(checked);
  const Route& route = find_route(head.method, head.target, kind);
  Json json{{"endpoint", route.endpoint}, {"operation", to_string(route.operation)}};
  const std::size_t answer_end = find_response_head_end(response);
  if (answer_end != std::string::npos) {
    const auto answer =
        read_response_head(std::string_view(response).substr(0, answer_end), head.method == "HEAD");
    if (answer) json["status"] = answer->status;
  }
  return json;
}

}  // namespace

int decode_exchange(std::string_view request, std::string_view response, UpstreamKind kind, std::ostream& out,
                    std::ostream& errors) {
  const std::string asked = complete_request(request);
  const std::string answered = with_crlf(response);
  const auto print = [&out](const Json& json) { out << json_line(json); };
  const auto records = observe(asked, answered, kind);
  for (const auto& [id, record] : records) print(record_json(record));
  if (records.empty()) {
    const auto heads = heads_json(asked, answered, kind);
    if (const auto* message = std::get_if<std::string>(&heads)) {
      errors << "tegrascope decode: " << *message << '\n';
      return 1;
    }
    print(std::get<Json>(heads));
  }
  out.flush();
  if (out) return 0;
  errors << "tegrascope decode: the output cannot be written: is the disk full, or its reader gone?\n";
  return 1;
}

}  // namespace tegrascope
