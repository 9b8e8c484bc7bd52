// The text of /metrics, rendered, and compressed, once per snapshot and reused by every scrape of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/model/snapshot.hpp"
#include "exporters/prometheus/view.hpp"

namespace tegrascope {

// Service thread only.
class MetricsPage {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // `source` must outlive this.
  MetricsPage(SnapshotSource& source, BuildInfo build);

  // Of the newest snapshot, in Prometheus' text format 0.0.4; never null. The same pointer until there is a new
  // one.
  std::shared_ptr<const std::string> text();
  // text() as gzip, made when it is first asked for.
  std::shared_ptr<const std::string> compressed();

 private:
  SnapshotSource& source_;
  const BuildInfo build_;
  SnapshotPtr rendered_;  // kept alive, so that a new snapshot cannot have its address
  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const std::string> compressed_;  // null: not asked for yet
};

}  // namespace tegrascope
