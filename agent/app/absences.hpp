// What a collector could have read and did not, with the reason as far as it is known. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "agent/app/board_report.hpp"

namespace tegrascope {

// `errors`: those of the batch and of its reads; `all`: the reads of every pass.
std::vector<Absence> find_absences(const Batch& batch, const std::vector<ReadError>& errors,
                                   const std::vector<TracedRead>& all, const ReadingSources& sources);

// The path that ReadError::where begins with.
std::string path_of(const ReadError& error);

}  // namespace tegrascope
