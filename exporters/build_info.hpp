// Which build this is, for metrics and pages.
#pragma once

#include <string>

namespace tegrascope {

struct BuildInfo {
  std::string version;   // "0.1.0"
  std::string revision;  // git commit, empty unknown
};

}  // namespace tegrascope
