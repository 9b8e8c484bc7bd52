#include "agent/cli/decode_tegrastats.hpp"

#include <cmath>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

#include "agent/cli/json_lines.hpp"
#include "collectors/jetson/tegrastats_line.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

std::int64_t whole(double value) { return std::llround(value); }

std::optional<std::int64_t> whole(const std::optional<double>& value) {
  return value ? std::optional(whole(*value)) : std::nullopt;
}

Json memory_json(const TegrastatsLine::Memory& memory) {
  Json object{{"used_bytes", memory.used_bytes}, {"total_bytes", memory.total_bytes}};
  if (memory.largest_free_block) {
    object["largest_free_block_bytes"] = memory.largest_free_block->bytes;
    put(object, "largest_free_block_count", memory.largest_free_block->count);
  }
  return object;
}

Json cpus_json(const std::vector<TegrastatsLine::Core>& cores) {
  Json array = Json::array();
  for (const auto& core : cores) {
    Json object = Json::object();
    if (!core.online) object["online"] = false;
    put(object, "utilization_ratio", core.utilization_ratio);
    put(object, "frequency_hertz", whole(core.frequency_hertz));
    array.push_back(std::move(object));
  }
  return array;
}

Json line_json(const TegrastatsLine& line) {
  Json json = Json::object();
  if (!line.time.empty()) json["time"] = line.time;
  if (line.memory) json["memory"] = memory_json(*line.memory);
  if (line.swap) {
    json["swap"] = {{"used_bytes", line.swap->used_bytes}, {"total_bytes", line.swap->total_bytes}};
    put(json["swap"], "cached_bytes", line.swap->cached_bytes);
  }
  if (line.iram) json["iram"] = memory_json(*line.iram);
  if (line.cpus) json["cpus"] = cpus_json(*line.cpus);
  if (line.emc) {
    Json& emc = json["emc"] = Json::object();
    put(emc, "utilization_ratio", line.emc->utilization_ratio);
    put(emc, "frequency_hertz", whole(line.emc->frequency_hertz));
  }
  if (line.gpu) {
    Json& gpu = json["gpu"] = Json::object();
    put(gpu, "utilization_ratio", line.gpu->utilization_ratio);
    for (const double hertz : line.gpu->frequencies_hertz) gpu["frequencies_hertz"].push_back(whole(hertz));
  }
  for (const auto& [name, engine] : line.engines) {
    Json& object = json["engines"][name] = {{"on", engine.on}};
    put(object, "frequency_hertz", whole(engine.frequency_hertz));
    put(object, "utilization_ratio", engine.utilization_ratio);
  }
  for (const auto& [zone, temperature] : line.temperatures) {
    Json& object = json["temperatures"][zone] = {{"celsius", temperature.celsius}};
    put(object, "peak_celsius", temperature.peak_celsius);
  }
  for (const auto& [name, rail] : line.rails) {
    Json& object = json["rails"][name] = {{"watts", rail.watts}};
    put(object, "mean_watts", rail.mean_watts);
    put(object, "peak_watts", rail.peak_watts);
  }
  if (line.mts) {
    Json& mts = json["mts"] = Json::object();
    put(mts, "fg_ratio", line.mts->foreground_ratio);
    put(mts, "bg_ratio", line.mts->background_ratio);
  }
  if (!line.unread.empty()) json["unread"] = line.unread;
  return json;
}

}  // namespace

int decode_tegrastats(std::istream& in, std::ostream& out) {
  for (std::string text; std::getline(in, text);) {
    const std::string_view line = trim(text);
    if (line.empty() || line.starts_with('#')) continue;
    // Bytes that are no UTF-8 can only be in names and unread tokens; they become U+FFFD.
    out << json_line(line_json(parse_tegrastats_line(line)));
  }
  return exit_code_of_decode(in, out);
}

}  // namespace tegrascope
