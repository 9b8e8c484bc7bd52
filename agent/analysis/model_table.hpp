// The figures of each (server, model), and which model names become label values. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribution/ledger.hpp"
#include "agent/model/ollama.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

inline constexpr std::string_view kOtherModel = "other";      // over the cap, or a name Ollama does not know
inline constexpr std::string_view kUnknownModel = "unknown";  // a busy runner whose model nobody can tell

// The name as the server knows the model: Ollama resolves "llama3.2" to "llama3.2:latest", other servers leave
// names as they are.
std::string resolve_model_name(std::string_view name, UpstreamKind kind = UpstreamKind::ollama);

// All names are resolved ones.
class ModelTable {
 public:
  explicit ModelTable(std::size_t cap) : cap_(cap) {}

  // The server knows this model (it is resident, or answered 200): from now on it has its own label while there
  // is room.
  void admit(std::string_view name);
  // The label value of a name.
  std::string label(std::string_view name) const;

  // The figures of one model, all children at 0 when new.
  ModelView& view(const ModelKey& key);
  const std::map<ModelKey, ModelView>& views() const { return views_; }

  // The model is resident or asked for at this time.
  void see(const ModelKey& key, MonotonicTime at);
  // Drops the figures of models not seen for longer than `age`, and gives their labels back; the keys dropped.
  // One never seen counts from here.
  std::vector<ModelKey> forget_unseen(MonotonicTime now, Nanoseconds age);

  // Names that got no label; each counts once as long as it is remembered, which 1024 of them are.
  std::uint64_t overflow() const { return overflow_; }

 private:
  std::size_t cap_;
  std::set<std::string, std::less<>> admitted_;
  std::set<std::string, std::less<>> refused_;
  std::map<ModelKey, ModelView> views_;
  std::map<ModelKey, MonotonicTime> seen_;
  std::uint64_t overflow_ = 0;
};

}  // namespace tegrascope
