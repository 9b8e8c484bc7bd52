// What doctor finds: each with what it is, why it matters and the command that mends it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/app/doctor/facts.hpp"

namespace tegrascope {

enum class Severity : std::uint8_t {
  note,     // how it is
  warning,  // works, but not as well or as safely as it could
  problem   // does not do what it is there for, or is open to anybody
};
std::string_view to_string(Severity severity);

struct Finding {
  std::string id;  // stays the same from release to release: "ollama-exposed"
  Severity severity = Severity::note;
  std::string subject;  // server, model or collector; empty: the board
  std::string what;
  std::string why;   // empty for notes that explain themselves
  std::string mend;  // one line to type; empty: nothing to mend
};

// The worst first; within one severity as they were looked at: board, server, models, witnesses.
std::vector<Finding> find_all(const DoctorFacts& facts);

// 1 with a warning or a problem, else 0.
int exit_code(const std::vector<Finding>& findings);

// Parts of find_all().
void find_in_board(const DoctorFacts& facts, std::vector<Finding>& out);
void find_in_memory(const DoctorFacts& facts, std::vector<Finding>& out);
void find_in_servers(const DoctorFacts& facts, std::vector<Finding>& out);
void find_in_models(const DoctorFacts& facts, std::vector<Finding>& out);
void find_in_witnesses(const DoctorFacts& facts, std::vector<Finding>& out);

// "0.17.1-rc2" is before "0.17.1"? No: what follows the numbers does not count. False for text that is no version, and for
// 0.0.0.
bool is_before(std::string_view version, std::string_view other);

// 0.0.0, which Ollama says when it was built from source without a version.
bool is_unknown_release(std::string_view version);

}  // namespace tegrascope
