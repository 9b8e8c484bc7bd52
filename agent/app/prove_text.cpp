#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/app/prove.hpp"

namespace tegrascope {
namespace {

using nlohmann::json;

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string figures(const Proof& p) {
  std::string out = p.gpu_load_ratio ? formatted("GPU %.0f %%", *p.gpu_load_ratio * 100) : "GPU load unknown";
  if (p.runner_cores) out += formatted(", runner %.1f cores", *p.runner_cores);
  if (p.tokens_per_second) out += formatted(", %.1f token/s", *p.tokens_per_second);
  if (p.joules_per_token)
    out += formatted(*p.joules_per_token < 0.1 ? ", %.3f J/token" : ", %.1f J/token", *p.joules_per_token);
  return out;
}

std::string declaration(const Proof& p) {
  if (!p.declared_gpu_share) return "/api/ps says nothing of it";
  const double share = *p.declared_gpu_share;
  const Placement declared = share <= 0 ? Placement::cpu : share < 0.99 ? Placement::partial : Placement::gpu;
  if (declared == p.verdict.placement && declared != Placement::partial) return "/api/ps agrees";
  return formatted("/api/ps says %.0f %% GPU", share * 100);
}

std::string reason_and_cure(const Proof& p) {
  return p.fallback.cure.empty() ? std::string() : "; type: " + p.fallback.cure;
}

std::string because(const Proof& p) {
  return p.fallback.why.empty() ? "because of something that neither the log nor /proc tells"
                                : "because " + p.fallback.why;
}

json number(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }

}  // namespace

std::string proof_text(const Proof& p) {
  if (!p.trouble.empty()) {
    const std::string subject = p.model.empty() ? "" : p.model + ": ";
    if (!p.load_failed) return subject + p.trouble;
    return subject + p.trouble + (p.fallback.why.empty() ? "" : "; " + because(p)) + reason_and_cure(p);
  }
  const std::string evidence = figures(p) + "; " + declaration(p);
  switch (p.verdict.placement) {
    case Placement::gpu:
      return p.model + " runs on the GPU: " + evidence;
    case Placement::partial:
      return p.model + " runs partly on the CPU, " + because(p) + ": " + evidence + reason_and_cure(p);
    case Placement::cpu:
      return p.model + " runs on the CPU, " + because(p) + ": " + evidence + reason_and_cure(p);
    case Placement::unknown:
      break;
  }
  return "where " + p.model + " runs cannot be told, " + p.verdict.explanation + ": " + evidence;
}

std::string proof_json(const Proof& p) {
  json j{{"server", p.server}, {"model", p.model}, {"on_gpu", p.on_gpu()}};
  if (!p.version.empty()) j["version"] = p.version;
  if (!p.trouble.empty()) {
    j["error"] = p.trouble;
  } else {
    j["placement"] = std::string(to_string(p.verdict.placement));
    j["probability"] = p.verdict.probability;
    j["flags"] = p.verdict.flags;
    j["evidence"] = p.verdict.explanation;
    j["gpu_load_ratio"] = number(p.gpu_load_ratio);
    j["runner_cores"] = number(p.runner_cores);
    j["tokens"] = p.tokens ? json(*p.tokens) : json(nullptr);
    j["tokens_per_second"] = number(p.tokens_per_second);
    j["joules_per_token"] = number(p.joules_per_token);
    j["declared_gpu_ratio"] = number(p.declared_gpu_share);
    j["was_resident"] = p.was_resident;
  }
  if (!p.fallback.cure.empty()) {
    j["reason"] = std::string(to_string(p.fallback.reason));
    j["why"] = p.fallback.why;
    j["cure"] = p.fallback.cure;
  }
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tegrascope
