#include "collectors/ollama/answers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxText = 256;  // bytes of any one field

Json parse_object(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  return json.is_object() ? json : Json{};
}

std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return {};
  const auto& value = it->get_ref<const std::string&>();
  return value.size() <= kMaxText ? value : std::string{};
}

std::optional<std::uint64_t> count(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

ResidentModel read_model(const Json& entry) {
  ResidentModel model;
  model.name = text(entry, "name");
  if (model.name.empty()) model.name = text(entry, "model");
  model.digest = text(entry, "digest");
  model.size_bytes = count(entry, "size");
  const bool has_vram = entry.contains("size_vram");
  model.size_vram_bytes = has_vram ? count(entry, "size_vram") : std::optional<std::uint64_t>{0};
  if (const auto length = count(entry, "context_length"); length && *length > 0) {
    model.context_length = static_cast<std::int64_t>(std::min<std::uint64_t>(*length, INT64_MAX));
  }
  const auto details = entry.find("details");
  if (details != entry.end() && details->is_object()) {
    model.family = text(*details, "family");
    model.parameter_size = text(*details, "parameter_size");
    model.quantization = text(*details, "quantization_level");
  }
  return model;
}

bool is_hex(std::string_view s) {
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_remote(const Json& object) {
  return !text(object, "remote_host").empty() || !text(object, "remote_model").empty();
}

// A positive figure; of a list (one per layer) the largest.
std::optional<std::int64_t> figure(const Json& info, const std::string& key) {
  const auto it = info.find(key);
  if (it == info.end()) return std::nullopt;
  std::optional<std::int64_t> largest;
  const auto take = [&](const Json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) return;
    const auto number = value.get<std::int64_t>();
    if (number > largest.value_or(0)) largest = number;
  };
  if (it->is_array()) {
    for (const Json& value : *it) take(value);
  } else {
    take(*it);
  }
  return largest;
}

std::string blob_of(const Json& json) {
  const auto it = json.find("modelfile");
  if (it == json.end() || !it->is_string()) return {};
  constexpr std::string_view marker = "sha256-";
  constexpr std::size_t digest_length = 64;
  std::string_view rest = it->get_ref<const std::string&>();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!line.starts_with("FROM ")) continue;
    const std::size_t at = line.rfind(marker);
    if (at == std::string_view::npos) continue;
    const std::string_view digest = line.substr(at + marker.size(), digest_length);
    if (digest.size() == digest_length && is_hex(digest)) return std::string{digest};
  }
  return {};
}

}  // namespace

std::optional<std::string> parse_version(std::string_view body) {
  std::string version = text(parse_object(body), "version");
  if (version.empty()) return std::nullopt;
  return version;
}

std::optional<std::vector<ResidentModel>> parse_ps(std::string_view body) {
  const Json json = parse_object(body);
  const auto list = json.find("models");
  if (list == json.end() || !(list->is_array() || list->is_null())) return std::nullopt;
  std::vector<ResidentModel> models;
  for (const Json& entry : *list) {
    if (!entry.is_object() || models.size() == kMaxResidentModels) continue;
    ResidentModel model = read_model(entry);
    const bool seen =
        std::any_of(models.begin(), models.end(), [&](const auto& m) { return m.name == model.name; });
    if (!model.name.empty() && !seen) models.push_back(std::move(model));
  }
  return models;
}

std::optional<InstalledModels> parse_tags(std::string_view body) {
  const Json json = parse_object(body);
  const auto list = json.find("models");
  if (list == json.end() || !(list->is_array() || list->is_null())) return std::nullopt;
  InstalledModels installed;
  for (const Json& entry : *list) {
    if (!entry.is_object() || text(entry, "name").empty()) continue;
    ++installed.count;
    const std::string digest = text(entry, "digest");
    const auto size = count(entry, "size");
    if (is_remote(entry)) {
      if (installed.remote.size() < kMaxListedModels) installed.remote.push_back(text(entry, "name"));
    } else if (size && !digest.empty() && installed.file_bytes.size() < kMaxListedModels) {
      installed.file_bytes[digest] = *size;
    }
  }
  return installed;
}

std::string parse_model_blob(std::string_view body) { return blob_of(parse_object(body)); }

ModelDetails parse_show(std::string_view body) {
  const Json json = parse_object(body);
  ModelDetails details;
  details.blob = blob_of(json);
  details.remote = json.is_object() && is_remote(json);
  const auto info = json.find("model_info");
  if (info == json.end() || !info->is_object()) return details;
  ModelShape shape;
  shape.architecture = text(*info, "general.architecture");
  shape.parameter_count = figure(*info, "general.parameter_count");
  const auto of = [&](const char* key) { return figure(*info, shape.architecture + "." + key); };
  shape.block_count = of("block_count");
  shape.context_length = of("context_length");
  shape.embedding_length = of("embedding_length");
  shape.feed_forward_length = of("feed_forward_length");
  shape.head_count = of("attention.head_count");
  shape.head_count_kv = of("attention.head_count_kv");
  shape.key_length = of("attention.key_length");
  shape.value_length = of("attention.value_length");
  shape.sliding_window = of("attention.sliding_window");
  shape.expert_count = of("expert_count");
  shape.expert_used_count = of("expert_used_count");
  if (!shape.architecture.empty()) details.shape = std::move(shape);
  return details;
}

}  // namespace tegrascope
