// The catalogue for readers: `tegrascope describe-metrics` and docs/metrics.md.
#pragma once

#include <string>

namespace tegrascope {

std::string describe_metrics_text();
// An array of objects: name, type, unit, help, labels (name, bound, values), buckets.
std::string describe_metrics_json();
// docs/metrics.md, whole.
std::string describe_metrics_markdown();

}  // namespace tegrascope
