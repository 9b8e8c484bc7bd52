#include "agent/cli/decode_ollama_log.hpp"

#include <array>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

#include "agent/cli/json_lines.hpp"
#include "collectors/ollama/log/log_decoder.hpp"
#include "collectors/ollama/log/log_summary.hpp"

namespace tegrascope {
namespace {

Json event(const char* name) { return Json{{"event", name}}; }

Json json_of(const LogServer& e) {
  Json json = event("server");
  put(json, "version", e.version);
  return json;
}

Json json_of(const LogCompute& e) {
  Json json = event("compute");
  put(json, "id", e.id);
  put(json, "library", e.library);
  put(json, "variant", e.variant);
  put(json, "name", e.name);
  put(json, "description", e.description);
  put(json, "compute", e.compute);
  put(json, "driver", e.driver);
  put(json, "type", e.type);
  put(json, "total_bytes", e.total_bytes);
  put(json, "available_bytes", e.available_bytes);
  return json;
}

Json json_of(const LogRunners& e) {
  Json json = event("runners");
  json["variants"] = e.variants;
  return json;
}

Json json_of(const LogDevice& e) {
  Json json = event("device");
  json["index"] = e.index;
  put(json, "name", e.name);
  put(json, "compute", e.compute);
  return json;
}

Json json_of(const LogBackend& e) {
  Json json = event("backend");
  put(json, "library", e.library);
  json["complete"] = e.complete;
  return json;
}

Json json_of(const LogPlan& e) {
  Json json = event("plan");
  put(json, "library", e.library);
  put(json, "layers_requested", e.requested);
  put(json, "layers", e.layers);
  put(json, "layers_total", e.layers_total);
  return json;
}

Json json_of(const LogLoadStarted& e) {
  Json json = event("load_started");
  put(json, "variant", e.variant);
  put(json, "layers", e.gpu_layers);
  return json;
}

Json json_of(const LogLayout& e) {
  Json json = event("layout");
  put(json, "operation", e.operation);
  json["layers"] = e.layers;
  return json;
}

Json json_of(const LogOffload& e) {
  Json json = event("offload");
  json["layers"] = e.layers;
  json["layers_total"] = e.layers_total;
  return json;
}

Json json_of(const LogOverflow& e) {
  Json json = event("overflow");
  json["layers"] = e.layers;
  return json;
}

Json json_of(const LogBuffer& e) {
  Json json = event("buffer");
  json["kind"] = e.kind;
  json["device"] = e.device;
  json["bytes"] = e.bytes;
  return json;
}

Json json_of(const LogLoad& e) {
  Json json = event("load");
  json["seconds"] = e.seconds;
  if (!e.devices.empty()) json["device"] = e.devices;
  return json;
}

Json json_of(const LogLoadFailed& e) {
  Json json = event("load_failed");
  json["reason"] = to_string(e.reason);
  return json;
}

Json json_of(const LogModelPresent&) { return event("model"); }

Json json_of(const LogTrouble& e) {
  constexpr std::array kKinds{"device", "memory", "fatal"};
  Json json = event("trouble");
  json["kind"] = kKinds.at(static_cast<std::size_t>(e.kind));
  json["reason"] = to_string(e.reason);
  return json;
}

Json json_of(const LogAbort& e) {
  constexpr std::array kWhat{"completion", "embedding", "load"};
  Json json = event("abort");
  json["what"] = kWhat.at(static_cast<std::size_t>(e.what));
  return json;
}

Json json_of(const LogRequest& e) {
  Json json = event("request");
  json["method"] = e.method;
  json["path"] = e.path;
  json["status"] = e.status;
  if (e.duration) json["duration_seconds"] = to_seconds(*e.duration);
  put(json, "client", e.client);
  put(json, "end", e.end);
  return json;
}

Json json_of(const LogSlot& e) {
  Json json = event("slot");
  put(json, "slot", e.slot);
  put(json, "task", e.task);
  put(json, "state", e.state);
  put(json, "prompt_tokens", e.prompt_tokens);
  put(json, "prompt_seconds", e.prompt_seconds);
  put(json, "output_tokens", e.output_tokens);
  put(json, "output_seconds", e.output_seconds);
  put(json, "total_seconds", e.total_seconds);
  put(json, "progress_ratio", e.progress_ratio);
  put(json, "tokens_per_second", e.tokens_per_second);
  return json;
}

Json summary_json(const LogSummary& s) {
  Json summary{{"placement", to_string(s.placement)}};
  put(summary, "layers_offloaded", s.layers_offloaded);
  put(summary, "layers_total", s.layers_total);
  if (!s.devices.empty()) summary["devices"] = s.devices;
  summary["reason_class"] = to_string(s.reason);
  summary["requests"] = s.requests;
  summary["aborts"] = s.aborts;
  return Json{{"summary", std::move(summary)}};
}

// Bytes that are no UTF-8 can only be in names; they become U+FFFD.
}  // namespace

int decode_ollama_log(std::istream& in, std::ostream& out) {
  LogLines lines;
  LogDecoder decoder;
  LogSummarizer summarizer;
  const auto print = [&](LogEvent&& e) {
    summarizer.add(e);
    out << json_line(std::visit([](const auto& known) { return json_of(known); }, e));
  };
  const auto decode = [&](std::string_view line) { decoder.decode(line, print); };

  // By lines, so that what is piped in comes out at once; a longer line comes in pieces.
  std::array<char, 16 * 1024> block;
  while (in.good() && out) {
    in.getline(block.data(), block.size());
    const auto size = static_cast<std::size_t>(in.gcount());
    if (in.fail() && !in.bad() && !in.eof()) {
      in.clear();
    } else if (!in.eof() && size > 0) {
      block[size - 1] = '\n';
    }
    lines.feed({block.data(), size}, decode);
  }
  lines.finish(decode);
  out << json_line(summary_json(summarizer.summary()));
  return exit_code_of_decode(in, out);
}

}  // namespace tegrascope
