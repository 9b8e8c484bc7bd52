#include "agent/analysis/model_table.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxRefused = 1024;  // names remembered so that each overflow is counted once

}  // namespace

std::string resolve_model_name(std::string_view name, UpstreamKind kind) {
  std::string out(name);
  if (kind != UpstreamKind::ollama) return out;
  const std::size_t slash = out.rfind('/');
  const std::size_t tag = out.find(':', slash == std::string::npos ? 0 : slash);
  if (!out.empty() && tag == std::string::npos) out += ":latest";
  return out;
}

void ModelTable::admit(std::string_view name) {
  if (name.empty() || admitted_.find(name) != admitted_.end()) return;
  if (admitted_.size() < cap_ && name.size() <= kMaxNameLength) {
    refused_.erase(std::string(name));
    admitted_.emplace(name);
    return;
  }
  // A name of any length, remembered by as much of it as a label could have.
  const std::string remembered(name.substr(0, kMaxNameLength + 1));
  if (refused_.count(remembered) != 0) return;
  if (refused_.size() >= kMaxRefused) refused_.clear();
  refused_.insert(remembered);
  ++overflow_;
}

std::string ModelTable::label(std::string_view name) const {
  if (name.empty()) return std::string(kUnknownModel);
  return std::string(admitted_.find(name) != admitted_.end() ? name : kOtherModel);
}

void ModelTable::see(const ModelKey& key, MonotonicTime at) {
  MonotonicTime& seen = seen_.try_emplace(key, at).first->second;
  seen = std::max(seen, at);
}

std::vector<ModelKey> ModelTable::forget_unseen(MonotonicTime now, Nanoseconds age) {
  for (const auto& [key, view] : views_) seen_.try_emplace(key, now);
  std::vector<ModelKey> forgotten;
  for (const auto& [key, seen] : seen_) {
    if (now - seen > age) forgotten.push_back(key);
  }
  for (const ModelKey& key : forgotten) {
    seen_.erase(key);
    views_.erase(key);
    const bool elsewhere =
        std::any_of(seen_.begin(), seen_.end(), [&](const auto& s) { return s.first.model == key.model; });
    if (!elsewhere) admitted_.erase(key.model);
  }
  return forgotten;
}

ModelView& ModelTable::view(const ModelKey& key) {
  const auto [it, added] = views_.try_emplace(key);
  ModelView& view = it->second;
  if (added) {
    view.server = key.server;
    view.model = key.model;
    for (const char* by : {"client", "upstream", "timeout"}) view.aborted[by] = 0;
    for (Phase phase : kPhases) {
      view.phase_ns[phase] = 0;
      view.attributed[phase] = {};
    }
    for (Placement placement : kPlacements) view.verdicts[placement] = 0;
    if (key.model != kOtherModel) {  // which several models share, so that their fallbacks are not counted
      for (ReasonClass reason : kReasonClasses)
        if (reason != ReasonClass::forced_cpu) view.fallbacks[reason] = 0;  // asked for, so no fallback
    }
  }
  return view;
}

}  // namespace tegrascope
