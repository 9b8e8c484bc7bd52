// Where bytes are cut tells nothing: every exchange gives the same events in any two pieces.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "collectors/ollama/exchange.hpp"
#include "tests/support/corpus.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::chunk;
using test::chunked_head;
using test::json_answer;
using test::request;

struct Recorded {
  std::string name;
  std::string asked;
  std::string answered;
  UpstreamKind kind = UpstreamKind::ollama;
};

// Everything of the events but times and how many tokens a progress event saw.
std::string text_of(const test::EventLog& log) {
  std::ostringstream out;
  for (const auto& e : log.all<RequestStarted>())
    out << "started " << e.endpoint << ' ' << to_string(e.operation) << '\n';
  for (const auto& e : log.all<RequestDescribed>()) {
    out << "described " << e.model << ' ' << e.streamed << ' ' << e.gpu_layers.value_or(-9) << ' '
        << e.num_predict.value_or(-9) << ' ' << e.context_length.value_or(-9) << ' ' << e.keep_alive << ' '
        << e.remote << '\n';
  }
  for (const auto& e : log.all<RequestEnded>()) {
    out << "ended " << e.status_code << ' ' << to_string(e.outcome) << ' ' << e.content_chunks << ' '
        << e.chunk_gaps.count() << ' ' << e.first_content.has_value() << ' ' << e.observation_error << ' '
        << e.remote;
    if (e.counts) {
      out << ' ' << e.counts->prompt_tokens.value_or(-9) << ' ' << e.counts->output_tokens.value_or(-9) << ' '
          << e.counts->total_duration.value_or(-9ns).count() << ' '
          << e.counts->load_duration.value_or(-9ns).count() << ' '
          << e.counts->prompt_eval_duration.value_or(-9ns).count() << ' '
          << e.counts->eval_duration.value_or(-9ns).count() << ' ' << e.counts->done_reason;
    }
    out << '\n';
  }
  return out.str();
}

std::string events_of(const Recorded& exchange, std::size_t request_cut, std::size_t answer_cut) {
  RequestIds ids;
  test::EventLog log;
  const ExchangeContext context{Witness::relay, "s", ids, log.sink(), {}, exchange.kind};
  Exchange decoder(context);
  const std::string_view asked = exchange.asked;
  const std::string_view answered = exchange.answered;
  const MonotonicTime at(1ms);  // one time throughout: gaps and progress do not depend on the clock
  decoder.feed_request(asked.substr(0, request_cut), at);
  decoder.feed_request(asked.substr(request_cut), at);
  decoder.feed_response(answered.substr(0, answer_cut), at);
  decoder.feed_response(answered.substr(answer_cut), at);
  decoder.upstream_closed(at);
  return text_of(log);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string one_chunk_per_line(std::string_view content_type, std::string_view body) {
  std::string out = chunked_head(content_type);
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size() - 1) + 1;
    out += chunk(body.substr(0, end));
    body.remove_prefix(end);
  }
  return out + std::string(test::kLastChunk);
}

std::vector<Recorded> corpus_exchanges() {
  const auto directory = test::corpus_directory("ollama-api");
  if (!directory) return {};
  const std::string generate = request(
      "POST", "/api/generate",
      R"({"model":"gemma4","prompt":"a \"b\"","keep_alive":"5m","options":{"num_gpu":3,"num_predict":9,"num_ctx":4096}})");
  const std::string openai =
      request("POST", "/v1/chat/completions",
              R"({"messages":[{"role":"user","content":"\\"}],"stream":true,"model":"qwen3:4b"})");
  std::vector<Recorded> out;
  for (const char* name : {"generate-stream.ndjson", "generate-stream-error.ndjson"})
    out.push_back({name, generate, one_chunk_per_line("application/x-ndjson", read(*directory / name))});
  for (const char* name :
       {"generate-final-doc.json", "generate-nonstream-usage.json", "generate-gemma2-issue5843.json"})
    out.push_back({name, generate, json_answer(200, read(*directory / name))});
  for (const char* name : {"openai-stream-usage-shape.sse", "openai-stream-nousage-shape.sse"})
    out.push_back({name, openai, one_chunk_per_line("text/event-stream", read(*directory / name))});
  out.push_back({"anthropic", request("POST", "/v1/messages", R"({"model":"gemma4","stream":true})"),
                 one_chunk_per_line("text/event-stream", read(*directory / "anthropic-stream-shape.sse"))});
  out.push_back({"error", generate, json_answer(503, R"({"error":"server busy, please try again."})")});
  out.push_back({"cut", generate, chunked_head("application/x-ndjson") + chunk(R"({"response":"a"})")});
  return out;
}

TEST(Cuts, EveryExchangeOfTheCorpusAtEveryCut) {
  const auto exchanges = corpus_exchanges();
  if (exchanges.empty()) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS";
  for (const Recorded& exchange : exchanges) {
    const std::string whole = events_of(exchange, exchange.asked.size(), exchange.answered.size());
    EXPECT_NE(whole.find("ended "), std::string::npos) << exchange.name;
    for (std::size_t cut = 0; cut <= exchange.answered.size(); ++cut) {
      const std::size_t request_cut = cut % (exchange.asked.size() + 1);
      ASSERT_EQ(events_of(exchange, request_cut, cut), whole) << exchange.name << " cut at " << cut;
    }
    for (std::size_t cut = 0; cut <= exchange.asked.size(); ++cut)
      ASSERT_EQ(events_of(exchange, cut, 0), whole) << exchange.name << " request cut at " << cut;
  }
}

TEST(Cuts, ByteByByte) {
  for (const Recorded& exchange : corpus_exchanges()) {
    RequestIds ids;
    test::EventLog log;
    const ExchangeContext context{Witness::relay, "s", ids, log.sink(), {}, exchange.kind};
    Exchange decoder(context);
    const MonotonicTime at(1ms);
    for (const char c : exchange.asked) decoder.feed_request({&c, 1}, at);
    for (const char c : exchange.answered) decoder.feed_response({&c, 1}, at);
    decoder.upstream_closed(at);
    EXPECT_EQ(text_of(log), events_of(exchange, exchange.asked.size(), exchange.answered.size()))
        << exchange.name;
  }
}

}  // namespace
}  // namespace tegrascope
