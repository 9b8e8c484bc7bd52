// A study as the JSON that `tegrascope simulate --json` prints.
#pragma once

#include <string>

#include "agent/accuracy/summary.hpp"

namespace tegrascope::accuracy {

// {"simulated": true, "requests": [...], "summary": {...}, "cost": {...}}. Everything but `cost` is reproducible.
std::string to_json(const StudyResult& study, const Summary& summary);

// A few lines for people; says that the figures are simulated.
std::string to_text(const Summary& summary);

}  // namespace tegrascope::accuracy
