// What the agent's endpoint answers: /metrics, /-/healthy, /-/ready, /api/v1/... and the landing page.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/model/snapshot.hpp"
#include "exporters/build_info.hpp"
#include "exporters/http/server.hpp"
#include "exporters/prometheus/page.hpp"

namespace tegrascope {

// Service thread only. Listeners beyond loopback answer /metrics and /-/* and nothing else.
class Endpoints {
 public:
  // `source` must outlive this.
  Endpoints(const SnapshotSource& source, BuildInfo build);

  HttpReply operator()(const HttpRequest& request);

 private:
  HttpReply metrics(const HttpRequest& request);
  HttpReply ready();
  std::optional<HttpReply> api(std::string_view name) const;  // absent: there is no such page
  HttpReply landing() const;

  const SnapshotSource& source_;
  const BuildInfo build_;
  MetricsPage metrics_;
  bool was_ready_ = false;  // from the first snapshot with readings on
};

// The landing page as HTML; every text from outside is escaped.
std::string landing_page(const Snapshot& snapshot, const BuildInfo& build);

}  // namespace tegrascope
