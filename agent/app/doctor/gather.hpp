// Looks at the board, its Ollama servers and this machine's /proc, once. Takes one to two seconds.
#pragma once

#include "agent/app/config.hpp"
#include "agent/app/doctor/facts.hpp"

namespace tegrascope {

// Reads files under deadlines and asks each server GET /api/version, /api/ps and /api/tags; changes nothing, loads
// nothing. tegrastats is run unless it is switched off. Throws std::invalid_argument for a wrong --ollama.url.
DoctorFacts gather_doctor_facts(Config config);

}  // namespace tegrascope
