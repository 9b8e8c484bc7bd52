// Which of the built-in collectors run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/app/config.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

struct ChosenCollector {
  const CollectorInfo* info = nullptr;
  std::unique_ptr<Collector> (*make)(const HostPaths&) = nullptr;  // null: switched off
  std::string why_off;
};

// All of the registry, in its order.
std::vector<ChosenCollector> choose_collectors(const Config& config);

}  // namespace tegrascope
