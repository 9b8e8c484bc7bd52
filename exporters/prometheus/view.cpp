#include "exporters/prometheus/view.hpp"

#include "exporters/prometheus/view_parts.hpp"

namespace tegrascope {

std::vector<prometheus::MetricFamily> to_families(const Snapshot& snapshot, const BuildInfo& build) {
  FamilyWriter out;
  out.add(Family::build_info, {build.version, build.revision}, 1);
  write_board(snapshot, out);
  write_servers(snapshot, out);
  write_models(snapshot, out);
  write_events(snapshot, out);
  return out.take();
}

}  // namespace tegrascope
