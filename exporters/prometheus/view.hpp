// The snapshot as Prometheus families.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "agent/model/snapshot.hpp"
#include "exporters/build_info.hpp"

namespace tegrascope {

// Everything `snapshot` holds, in the catalogue's order; a pure function. What has no reading has no series;
// a model that is known has all its series, at 0 where nothing happened yet (a counter born at 1 is invisible
// to increase()).
std::vector<prometheus::MetricFamily> to_families(const Snapshot& snapshot, const BuildInfo& build);

}  // namespace tegrascope
