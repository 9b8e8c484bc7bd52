#include "agent/attribution/ledger.hpp"

namespace tegrascope {

void Ledger::measure(std::int64_t energy_nj, bool energy_known, std::int64_t gpu_busy_ns, bool gpu_known) {
  totals_.energy_known = totals_.energy_known || energy_known;
  totals_.gpu_known = totals_.gpu_known || gpu_known;
  totals_.measured_energy_nj += energy_nj;
  totals_.pending_energy_nj += energy_nj;
  totals_.measured_gpu_busy_ns += gpu_busy_ns;
  totals_.pending_gpu_busy_ns += gpu_busy_ns;
}

void Ledger::book(const ModelKey& model, Phase phase, const Amounts& amounts) {
  accounts_[model][phase] += amounts;
  totals_.pending_energy_nj -= amounts.energy_nj;
  totals_.pending_gpu_busy_ns -= amounts.gpu_busy_ns;
}

void Ledger::book_unattributed(Unattributed reason, std::int64_t energy_nj, std::int64_t gpu_busy_ns) {
  totals_.unattributed_energy_nj[reason] += energy_nj;
  totals_.unattributed_gpu_busy_ns[reason] += gpu_busy_ns;
  totals_.pending_energy_nj -= energy_nj;
  totals_.pending_gpu_busy_ns -= gpu_busy_ns;
}

void Ledger::forget(const ModelKey& model) {
  const auto account = accounts_.extract(model);
  if (account.empty()) return;
  for (const auto& [phase, amounts] : account.mapped()) {
    totals_.forgotten_energy_nj += amounts.energy_nj;
    totals_.forgotten_gpu_busy_ns += amounts.gpu_busy_ns;
    closed_[model][phase] += amounts;
  }
}

bool Ledger::balanced() const {
  std::int64_t energy = totals_.pending_energy_nj + totals_.forgotten_energy_nj;
  std::int64_t gpu = totals_.pending_gpu_busy_ns + totals_.forgotten_gpu_busy_ns;
  for (const auto& [model, phases] : accounts_) {
    for (const auto& [phase, amounts] : phases) {
      energy += amounts.energy_nj;
      gpu += amounts.gpu_busy_ns;
    }
  }
  for (const auto& [reason, nj] : totals_.unattributed_energy_nj) energy += nj;
  for (const auto& [reason, ns] : totals_.unattributed_gpu_busy_ns) gpu += ns;
  return energy == totals_.measured_energy_nj && gpu == totals_.measured_gpu_busy_ns;
}

}  // namespace tegrascope
