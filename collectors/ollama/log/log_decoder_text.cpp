// What llama.cpp and the libraries below it print, without log/slog.
#include <algorithm>

#include "collectors/ollama/log/log_decoder.hpp"
#include "collectors/ollama/log/log_wordings.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string name_of(std::string_view text) { return std::string(trim(text).substr(0, kMaxLogText)); }

// The last field of `text`, taken off it.
std::string_view take_last_field(std::string_view& text) {
  text = text.substr(0, text.find_last_not_of(" \t") + 1);
  const std::size_t blank = text.find_last_of(" \t");
  const std::size_t begin = blank == std::string_view::npos ? 0 : blank + 1;
  const std::string_view field = text.substr(begin);
  text = text.substr(0, begin);
  return field;
}

// "Device 0: Orin, compute capability 8.7, VMM: yes"
std::optional<LogDevice> found_device(std::string_view text) {
  const std::size_t at = text.find("Device ");
  const std::size_t capability = text.find(", compute capability ");
  if (at == std::string_view::npos || capability == std::string_view::npos || capability < at)
    return std::nullopt;
  text = text.substr(at + 7);
  const auto index = leading_integer(text);
  const std::size_t colon = text.find(": ");
  const std::size_t end = text.find(", compute capability ");
  if (!index || colon == std::string_view::npos || colon > end) return std::nullopt;
  const std::string_view rest = text.substr(end + 21);
  return LogDevice{*index, name_of(text.substr(colon + 2, end - colon - 2)),
                   name_of(rest.substr(0, rest.find(',')))};
}

// "using device CUDA0 (Orin) (0000:00:00.0) - 15221 MiB free"
std::optional<LogDevice> used_device(std::string_view text) {
  const std::size_t at = text.find("using device ");
  if (at == std::string_view::npos || !text.ends_with(" free")) return std::nullopt;
  text.remove_prefix(at + 13);
  const std::size_t open = text.find(" (");
  const std::size_t close = text.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  const std::string_view device = text.substr(0, open);
  const std::size_t digits = device.find_first_of("0123456789");
  LogDevice found;
  if (digits != std::string_view::npos) found.index = leading_integer(device.substr(digits)).value_or(0);
  found.name = name_of(text.substr(open + 2, close - open - 2));
  return found;
}

// "load_backend: loaded CUDA backend from ...", "system_info: n_threads = 4 | CPU : NEON = 1 | CUDA : ..."
std::optional<LogBackend> backend_of(std::string_view text) {
  if (const std::size_t at = text.find("load_backend: loaded "); at != std::string_view::npos) {
    text.remove_prefix(at + 21);
    return LogBackend{lower(name_of(text.substr(0, text.find(' ')))), false};
  }
  if (!contains(text, "system_info: ") || !contains(text, "CPU :")) return std::nullopt;
  for (const std::string_view library : {"CUDA", "ROCm", "Vulkan", "Metal"}) {
    if (contains(text, std::string(library) + " : ")) return LogBackend{lower(library), true};
  }
  return LogBackend{"cpu", true};
}

std::string_view json_value(std::string_view json, std::string_view key) {
  const std::size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  json.remove_prefix(at + key.size());
  return json.substr(0, json.find('"'));
}

}  // namespace

void LogDecoder::decode_c_text(std::string_view text, const Sink& sink) {
  const std::size_t brace = text.find("{\"");
  if (brace != std::string_view::npos &&
      (contains(text, "\"function\":") || contains(text, "\"timestamp\":"))) {
    return decode_runner_json(text.substr(brace), sink);
  }
  if (decode_slot(text, sink) || decode_buffer(text, sink)) return;
  const bool own_lines = !contains(text, "llama_print_timings");  // of the block that print_timing began
  const auto slot = integer_after(text, "slot_id=");
  const auto task = integer_after(text, "task_id=");
  if (decode_timing(text, slot || !own_lines ? slot : slot_, task || !own_lines ? task : task_, sink)) return;
  if (auto device = found_device(text)) return sink(std::move(*device));
  if (auto device = used_device(text)) return sink(std::move(*device));
  if (auto backend = backend_of(text)) return sink(std::move(*backend));
  if (contains(text, "params_fit_impl: ") && contains(text, " overflowing)")) {
    const std::size_t open = text.rfind('(');
    const auto layers = leading_integer(text.substr(open == std::string_view::npos ? 0 : open + 1));
    if (layers.value_or(0) > 0) sink(LogOverflow{*layers});
    return;
  }
  if (decode_message(text, sink)) return;
  if (const auto trouble = find_trouble(text)) sink(LogTrouble{*trouble});
}

void LogDecoder::decode_runner_json(std::string_view json, const Sink& sink) {
  std::string_view message = json_value(json, "\"msg\":\"");
  if (message.empty()) message = json_value(json, "\"message\":\"");
  if (decode_timing(message, integer_after(json, "\"slot_id\":"), integer_after(json, "\"task_id\":"), sink))
    return;
  if (decode_message(message, sink)) return;
  if (const auto trouble = find_trouble(message)) sink(LogTrouble{*trouble});
}

// "load_tensors:        CUDA0 model buffer size =  6300.10 MiB"; to 0.5 without "model"; in 2023
// "VRAM used: 3648.31 MiB"
bool LogDecoder::decode_buffer(std::string_view text, const Sink& sink) {
  constexpr double kMib = 1 << 20;
  constexpr double kMost = 1e9;  // MiB
  LogBuffer buffer;
  std::optional<double> mib;
  if (const std::size_t at = text.find("buffer size"); at != std::string_view::npos) {
    mib = number_after(text.substr(at), "=");
    std::string_view before = text.substr(0, at);
    std::string_view field = take_last_field(before);
    buffer.kind = lower(field);
    if (buffer.kind == "model" || buffer.kind == "kv" || buffer.kind == "compute" ||
        buffer.kind == "output" || buffer.kind == "rs") {
      field = take_last_field(before);
    } else {
      buffer.kind = "model";
    }
    if (field.empty() || field.ends_with(':') || !trim(before).ends_with(':')) return false;
    buffer.device = name_of(field);
  } else {
    mib = number_after(text, "VRAM used:");
    buffer.kind = "model";
    buffer.device = "CUDA";
  }
  if (!mib || *mib < 0 || *mib > kMost) return false;
  buffer.bytes = static_cast<std::uint64_t>(*mib * kMib);
  send(std::move(buffer), sink);
  return true;
}

// "slot print_timing: id  0 | task 388 | n_decoded =    172, tg =  12.00 t/s"
bool LogDecoder::decode_slot(std::string_view text, const Sink& sink) {
  const std::size_t at = text.find("slot ");
  if (at == std::string_view::npos) return false;
  text.remove_prefix(at);
  const std::size_t first = text.find(" | task ");
  if (first == std::string_view::npos) return false;
  const std::size_t second = text.find(" |", first + 2);
  if (second == std::string_view::npos) return false;
  LogSlot slot;
  slot.slot = integer_after(text.substr(0, first), ": id ");
  slot.task = leading_integer(text.substr(first + 8));
  if (!slot.slot || !slot.task) return false;
  const std::string_view news = trim(text.substr(second + 2));

  if (contains(text.substr(0, first), "print_timing")) {
    slot_ = slot.slot;
    task_ = slot.task;
  }
  if (news.starts_with("processing task")) {
    slot.state = "started";
  } else if (news.starts_with("new prompt")) {
    slot.state = "prefill";
    slot.prompt_tokens = integer_after(news, "task.n_tokens = ");
  } else if (news.starts_with("prompt processing")) {
    slot.state = "prefill";
    slot.prompt_tokens = integer_after(news, "n_tokens = ");
    slot.progress_ratio = number_after(news, "progress = ");
    slot.prompt_seconds = number_after(news, ", t = ");
    slot.tokens_per_second = number_after(news, " s / ");
  } else if (news.starts_with("n_decoded")) {
    slot.state = "decode";
    slot.output_tokens = integer_after(news, "n_decoded = ");
    slot.tokens_per_second = number_after(news, "tg = ");
  } else if (news.starts_with("stop processing")) {
    slot.state = "released";
  } else {
    return true;
  }
  sink(std::move(slot));
  return true;
}

// "prompt eval time =     789.03 ms /    27 tokens", "eval time = ... / 192 runs", "total time = ..."
bool LogDecoder::decode_timing(std::string_view text, std::optional<std::int64_t> slot,
                               std::optional<std::int64_t> task, const Sink& sink) const {
  constexpr double kMillisecond = 1e-3;
  const std::size_t at = text.find(" time ");
  const std::size_t equals = text.find('=', at == std::string_view::npos ? 0 : at);
  if (at == std::string_view::npos || equals == std::string_view::npos) return false;
  const auto milliseconds = leading_number(text.substr(equals + 1));
  const std::size_t unit = text.find(" ms", equals);
  if (!milliseconds || *milliseconds < 0 || unit == std::string_view::npos) return false;
  const std::string_view behind = text.substr(unit + 3);
  const auto tokens = trim(behind).starts_with('/') ? integer_after(behind, "/") : std::nullopt;

  LogSlot event;
  event.slot = slot;
  event.task = task;
  const std::string_view what = text.substr(0, at);
  if (what.ends_with("prompt eval")) {
    event.prompt_seconds = *milliseconds * kMillisecond;
    event.prompt_tokens = tokens;
  } else if (what.ends_with("eval")) {
    event.output_seconds = *milliseconds * kMillisecond;
    event.output_tokens = tokens;
  } else if (what.ends_with("total")) {
    event.total_seconds = *milliseconds * kMillisecond;
  } else {
    return false;
  }
  sink(std::move(event));
  return true;
}

}  // namespace tegrascope
