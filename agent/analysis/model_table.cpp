#include "agent/analysis/model_table.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxRefused = 1024;  // names remembered so that each overflow is counted once

}  // namespace

std::string resolve_model_name(std::string_view name) {
  std::string out(name);
  const std::size_t slash = out.rfind('/');
  const std::size_t tag = out.find(':', slash == std::string::npos ? 0 : slash);
  if (!out.empty() && tag == std::string::npos) out += ":latest";
  return out;
}

void ModelTable::admit(std::string_view name) {
  std::string resolved = resolve_model_name(name);
  if (resolved.empty() || admitted_.count(resolved) != 0) return;
  if (admitted_.size() < cap_ && resolved.size() <= kMaxNameLength) {
    admitted_.insert(std::move(resolved));
  } else if (refused_.size() < kMaxRefused && refused_.insert(std::move(resolved)).second) {
    ++overflow_;
  }
}

std::string ModelTable::label(std::string_view name) const {
  if (name.empty()) return std::string(kUnknownModel);
  std::string resolved = resolve_model_name(name);
  return admitted_.count(resolved) != 0 ? resolved : std::string(kOtherModel);
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
  }
  return view;
}

}  // namespace tegrascope
