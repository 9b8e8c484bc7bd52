#include "exporters/prometheus/view.hpp"

#include <utility>

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

SnapshotView::SnapshotView(SnapshotSource& source, BuildInfo build)
    : source_(source), build_(std::move(build)) {}

std::vector<prometheus::MetricFamily> SnapshotView::Collect() const {
  return to_families(*source_.latest(), build_);
}

}  // namespace tegrascope
