#include "agent/app/commit_policy.hpp"

namespace tegrascope {

CommitPolicy::Mark CommitPolicy::mark_of(const Snapshot& snapshot) {
  Mark mark;
  for (const ModelView& model : snapshot.models)
    for (const auto& [phase, amounts] : model.attributed) mark.attributed += amounts;
  mark.measured_nj = snapshot.ledger.measured_energy_nj;
  mark.measured_gpu_ns = snapshot.ledger.measured_gpu_busy_ns;
  return mark;
}

bool CommitPolicy::is_due(const Snapshot& snapshot) const {
  const Nanoseconds since = snapshot.at - last_;
  if (since < kInterval) return false;
  const Mark mark = mark_of(snapshot);
  return mark.attributed != mark_.attributed || (since >= kIdleInterval && mark != mark_);
}

bool CommitPolicy::is_new(const Snapshot& snapshot) const { return mark_of(snapshot) != mark_; }

void CommitPolicy::committed(const Snapshot& snapshot) {
  last_ = snapshot.at;
  mark_ = mark_of(snapshot);
}

}  // namespace tegrascope
