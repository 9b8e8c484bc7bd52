#include "agent/model/snapshot.hpp"

namespace tegrascope {

Books books_of(const Snapshot& snapshot) {
  const LedgerView& ledger = snapshot.ledger;
  Books out;
  out.energy_known = ledger.energy_known;
  out.gpu_known = ledger.gpu_known;
  out.measured = {ledger.measured_energy_nj, ledger.measured_gpu_busy_ns};
  out.pending = {ledger.pending_energy_nj, ledger.pending_gpu_busy_ns};
  for (const auto& [reason, nj] : ledger.unattributed_energy_nj) out.unattributed[reason].energy_nj = nj;
  for (const auto& [reason, ns] : ledger.unattributed_gpu_busy_ns) out.unattributed[reason].gpu_busy_ns = ns;
  for (const ModelView& model : snapshot.models) {
    for (const auto& [phase, amounts] : model.attributed) {
      if (amounts != Amounts{}) out.attributed[{model.server, model.model}][phase] = amounts;
    }
  }
  for (const auto& [name, phases] : snapshot.closed_accounts) {
    for (const auto& [phase, amounts] : phases) out.attributed[name][phase] += amounts;
  }
  return out;
}

Books lifetime_of(const Snapshot& snapshot) {
  const Books run = books_of(snapshot);
  return snapshot.carried ? sum_of(*snapshot.carried, run) : run;
}

}  // namespace tegrascope
