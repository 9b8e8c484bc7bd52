// What doctor prints, and what may leave the machine. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/app/doctor/findings.hpp"

namespace tegrascope {

// Findings, the worst first, and a line that counts them.
std::string findings_text(const std::vector<Finding>& findings);
std::string findings_json(const DoctorFacts& facts, const std::vector<Finding>& findings);

// The support bundle: one JSON document with the findings, the servers and all readings, scrubbed. `readings` is the
// document of `tegrascope read --json`. It holds no prompt, answer, log line or environment; only names of models, which
// the user may want to look through.
std::string bundle_json(const DoctorFacts& facts, const std::vector<Finding>& findings,
                        const std::string& readings, std::string_view version, std::string_view host_name);

// Without what tells who and where: addresses but loopback and 0.0.0.0, hardware addresses, home folders, the machine's
// name, serial numbers (eleven digits and more), values of variables and flags named KEY, TOKEN, SECRET or PASSWORD.
std::string scrub(std::string_view text, std::string_view host_name);

}  // namespace tegrascope
