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

// Service thread only. Who does not come to a loopback address gets /metrics and /-/* and nothing else. The other
// pages are for a Host that is an IP address, localhost or this machine's name: a web page whose name an attacker
// points at 127.0.0.1 (DNS rebinding) shows that name there.
class Endpoints {
 public:
  // `source` must outlive this. `machine_name`: as gethostname(2) says; empty: unknown.
  Endpoints(SnapshotSource& source, BuildInfo build, std::string machine_name = {});

  HttpReply operator()(const HttpRequest& request);

 private:
  HttpReply metrics(const HttpRequest& request);
  HttpReply ready();
  std::optional<HttpReply> api(std::string_view name) const;  // absent: there is no such page
  HttpReply landing() const;

  SnapshotSource& source_;
  const BuildInfo build_;
  const std::string machine_name_;
  MetricsPage metrics_;
  bool was_ready_ = false;  // from the first snapshot with readings on
};

// Whether a Host field, port included, is an IP address, localhost or `machine_name`; none at all is no browser's.
bool is_own_host(std::string_view host, std::string_view machine_name);

// The landing page as HTML; every text from outside is escaped.
std::string landing_page(const Snapshot& snapshot, const BuildInfo& build);

}  // namespace tegrascope
