// `tegrascope read --json`.
#pragma once

#include <string>

#include "agent/app/board_report.hpp"

namespace tegrascope {

// One JSON document in base units, with a newline at its end. Fields that have no value are left out.
std::string report_json(const BoardReport& report);

}  // namespace tegrascope
