#include <nlohmann/json.hpp>

#include "exporters/http/api.hpp"

namespace tegrascope {
namespace {

using Json = nlohmann::ordered_json;

Json of_pair(const Books::Pair& pair) {
  return {{"energy_nj", pair.energy_nj}, {"gpu_busy_ns", pair.gpu_busy_ns}};
}

Json of_books(const Books& books) {
  Json out{{"energy_known", books.energy_known},
           {"gpu_known", books.gpu_known},
           {"conserved", books.conserved()},
           {"measured", of_pair(books.measured)},
           {"attributed", of_pair(books.attributed_sum())},
           {"unattributed", of_pair(books.unattributed_sum())},
           {"interrupted", of_pair(books.interrupted)},
           {"pending", of_pair(books.pending)}};
  Json& reasons = out["unattributed_by_reason"] = Json::object();
  for (const auto& [reason, pair] : books.unattributed)
    reasons[std::string(to_string(reason))] = of_pair(pair);
  Json& accounts = out["accounts"] = Json::array();
  for (const auto& [account, phases] : books.attributed) {
    for (const auto& [phase, amounts] : phases) {
      accounts.push_back(Json{{"server", account.first},
                              {"model", account.second},
                              {"phase", to_string(phase)},
                              {"energy_nj", amounts.energy_nj},
                              {"idle_energy_nj", amounts.idle_energy_nj},
                              {"gpu_busy_ns", amounts.gpu_busy_ns},
                              {"cpu_ns", amounts.cpu_ns}});
    }
  }
  return out;
}

Json of_storage(const std::optional<StorageView>& storage) {
  if (!storage) return {{"kept", false}};
  Json out{{"kept", storage->up}, {"commits", storage->commits}};
  if (!storage->error.empty()) out["error"] = storage->error;
  if (storage->saved_unix_s != 0) out["saved_unix_s"] = storage->saved_unix_s;
  return out;
}

Json of_learned(const LearnedState& learned) {
  Json out{{"idle_baselines", Json::array()}, {"series", Json::array()}};
  for (const LearnedBaseline& b : learned.baselines) {
    Json one{{"watts", b.watts}, {"age_seconds", static_cast<double>(b.age_ns) * 1e-9}};
    if (b.power_mode) one["power_mode"] = *b.power_mode;
    if (b.clocks_locked) one["clocks_locked"] = *b.clocks_locked;
    if (b.model_resident) one["model_resident"] = *b.model_resident;
    if (b.temperature_decade) one["celsius_from"] = *b.temperature_decade * 10;
    out["idle_baselines"].push_back(std::move(one));
  }
  for (const LearnedSeries& s : learned.series) {
    Json one{{"kind", s.kind}, {"server", s.server}, {"model", s.model}, {"phase", to_string(s.phase)}};
    if (!s.detail.empty()) one["detail"] = s.detail;
    one["values"] = s.values;
    out["series"].push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string ledger_json(const Snapshot& snapshot) {
  Json out{{"conservation", "measured = attributed + unattributed + interrupted + pending"},
           {"since_start", of_books(books_of(snapshot))},
           {"lifetime", of_books(lifetime_of(snapshot))}};
  if (snapshot.storage && snapshot.storage->first_start_unix_s != 0)
    out["lifetime"]["since_unix_s"] = snapshot.storage->first_start_unix_s;
  out["storage"] = of_storage(snapshot.storage);
  if (snapshot.learned) out["learned"] = of_learned(*snapshot.learned);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tegrascope
