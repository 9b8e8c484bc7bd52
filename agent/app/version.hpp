// What this build is.
#pragma once

#include <string>

namespace tegrascope {

std::string version();       // "0.1.0"
std::string revision();      // git commit it was built from, or "unknown"
std::string version_text();  // what --version prints, in the form of the Prometheus programs

}  // namespace tegrascope
