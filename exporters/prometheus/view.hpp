// The snapshot as Prometheus families.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "agent/model/snapshot.hpp"
#include "exporters/build_info.hpp"

namespace tegrascope {

// Everything `snapshot` holds, in the catalogue's order; a pure function. What has no reading has no series;
// a model that is known has all its series, at 0 where nothing happened yet (a counter born at 1 is invisible
// to increase()).
std::vector<prometheus::MetricFamily> to_families(const Snapshot& snapshot, const BuildInfo& build);

// For prometheus-cpp: asks for the newest snapshot at each Collect(). The source's thread.
class SnapshotView : public prometheus::Collectable {
 public:
  // `source` must outlive this.
  SnapshotView(SnapshotSource& source, BuildInfo build);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  SnapshotSource& source_;
  const BuildInfo build_;
};

}  // namespace tegrascope
