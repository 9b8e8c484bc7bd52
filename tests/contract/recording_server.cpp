#include "tests/contract/recording_server.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "collectors/ollama/http_head.hpp"

namespace tegrascope::test {
namespace {

std::string openai_token(const std::string& text) {
  return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":")" +
         text + "\"},\"finish_reason\":null}]}\n\n";
}

constexpr const char* kOpenaiAnswer =
    R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"one"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}})";

// `head` with the port of its Host written as PORT.
std::string without_port(std::string head, const std::string& host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string::npos) return head;
  return head.replace(head.find(host) + colon + 1, host.size() - colon - 1, "PORT");
}

std::string plain_answer(const std::string& path) {
  if (path == "/")
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\nOllama is running";
  if (path == "/v1/models")
    return json_answer(
        200, R"({"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"library"}]})");
  if (path == "/v1/embeddings")
    return json_answer(
        200,
        R"({"object":"list","data":[{"object":"embedding","embedding":[0.5,1],"index":0}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}})");
  if (path == "/api/embed")
    return json_answer(200, R"({"model":"m","embeddings":[[0.5,1]],"prompt_eval_count":1})");
  if (path == "/api/version") return json_answer(200, R"({"version":"0.33.0"})");
  if (path == "/api/tags" || path == "/api/ps") return json_answer(200, R"({"models":[]})");
  return "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\n404 page not found";
}

std::string missing_answer(bool openai) {
  const std::string text = R"("model 'missing' not found")";
  return json_answer(404, openai ? R"({"error":{"message":)" + text +
                                       R"(,"type":"not_found_error","param":null,"code":null}})"
                                 : R"({"error":)" + text + "}");
}

}  // namespace

std::vector<std::string> RecordingServer::take_events() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  out.swap(events_);
  std::sort(out.begin(), out.end());
  return out;
}

void RecordingServer::note(std::string event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

void RecordingServer::serve(TcpPeer& peer) {
  while (true) {
    std::string head = peer.read_until("\r\n\r\n");
    const auto checked = check_request_head(head);
    const auto* parsed = std::get_if<RequestHead>(&checked);
    if (parsed == nullptr) return note("not understood: " + head);
    if (parsed->expects_continue) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    const std::string body = read_request_body(peer, *parsed);
    note(without_port(head, parsed->host) +
         (body.size() < 1000 ? body : std::to_string(body.size()) + " bytes"));
    if (!answer(peer, head, body) || !parsed->keep_alive) return;
  }
}

bool RecordingServer::answer(TcpPeer& peer, const std::string& head, const std::string& body) {
  const std::string method = head.substr(0, head.find(' '));
  const std::size_t begin = method.size() + 1;
  const std::string path = head.substr(begin, head.find_first_of(" ?", begin) - begin);
  const bool openai = path == "/v1/chat/completions";
  if (method == "HEAD") {
    const std::string whole = plain_answer(path);
    peer.send(whole.substr(0, whole.find("\r\n\r\n") + 4));
    return true;
  }
  if (!openai && path != "/api/chat" && path != "/api/generate") {
    peer.send(plain_answer(path));
    return true;
  }
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const std::string model = json.is_object() ? json.value("model", "") : "";
  const bool streams = json.is_object() && json.value("stream", !openai);
  if (model == "missing") {
    peer.send(missing_answer(openai));
  } else if (!streams) {
    peer.send(json_answer(200, openai ? kOpenaiAnswer : kChatFinal));
  } else {
    stream(peer, model, openai);
  }
  return model != "cut";
}

void RecordingServer::stream(TcpPeer& peer, const std::string& model, bool openai) {
  peer.send(chunked_head(openai ? "text/event-stream" : "application/x-ndjson"));
  const auto token = [&](const std::string& text) {
    return chunk(openai ? openai_token(text) : chat_token(text));
  };
  if (model == "endless") {
    while (!peer.has_bytes_now()) {
      try {
        peer.send(token("x"));
      } catch (const std::runtime_error&) {
        break;
      }
      pause_a_millisecond();
    }
    note("the client left the stream");
    throw std::runtime_error("left");
  }
  for (const char* text : {"one ", "two ", "three ", "four ", "five"}) {
    peer.send(token(text));
    if (model == "cut") return;
    pause_a_millisecond();
  }
  peer.send(chunk(openai ? "data: [DONE]\n\n" : kChatFinal) + std::string(kLastChunk));
}

}  // namespace tegrascope::test
