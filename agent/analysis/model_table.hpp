// The figures of each (server, model), and which model names become label values. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribution/ledger.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

inline constexpr std::string_view kOtherModel = "other";      // over the cap, or a name Ollama does not know
inline constexpr std::string_view kUnknownModel = "unknown";  // a busy runner whose model nobody can tell

// "llama3.2" as Ollama resolves it: "llama3.2:latest".
std::string resolve_model_name(std::string_view name);

class ModelTable {
 public:
  explicit ModelTable(std::size_t cap) : cap_(cap) {}

  // Ollama knows this model (it is resident, or answered 200): from now on it has its own label while there
  // is room.
  void admit(std::string_view name);
  // The label value of a name.
  std::string label(std::string_view name) const;

  // The figures of one model, all children at 0 when new.
  ModelView& view(const ModelKey& key);
  const std::map<ModelKey, ModelView>& views() const { return views_; }

  std::uint64_t overflow() const { return overflow_; }

 private:
  std::size_t cap_;
  std::set<std::string, std::less<>> admitted_;
  std::set<std::string, std::less<>> refused_;
  std::map<ModelKey, ModelView> views_;
  std::uint64_t overflow_ = 0;
};

}  // namespace tegrascope
