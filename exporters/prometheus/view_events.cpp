#include "exporters/prometheus/view_parts.hpp"

namespace tegrascope {

void write_events(const Snapshot& snapshot, FamilyWriter& out) {
  for (const auto& [kind, count] : snapshot.event_counts)
    out.add(Family::events_total, {to_string(kind)}, static_cast<double>(count));
  if (snapshot.incidents) {
    out.add(Family::incidents_total, {"written"}, static_cast<double>(snapshot.incidents->written));
    out.add(Family::incidents_total, {"failed"}, static_cast<double>(snapshot.incidents->failed));
  }
  if (!snapshot.web_hook) return;
  out.add(Family::webhook_deliveries_total, {"delivered"}, static_cast<double>(snapshot.web_hook->delivered));
  out.add(Family::webhook_deliveries_total, {"failed"}, static_cast<double>(snapshot.web_hook->failed));
  out.add(Family::webhook_deliveries_total, {"dropped"}, static_cast<double>(snapshot.web_hook->dropped));
}

}  // namespace tegrascope
