// `tegrascope read` for people.
#pragma once

#include <string>

#include "agent/app/board_report.hpp"
#include "agent/model/signals.hpp"

namespace tegrascope {

// The board, then a table for each collector. Plain UTF-8 without escape sequences.
std::string report_text(const BoardReport& report);

// "47.5 °C", "4.019 W", "7.44 GiB", "1728 MHz".
std::string readable(double value, Unit unit);

}  // namespace tegrascope
