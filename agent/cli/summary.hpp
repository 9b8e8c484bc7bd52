// Finished requests as rows for a person.
#pragma once

#include <string>

#include "agent/model/request.hpp"

namespace tegrascope {

std::string summary_header();

// One row; a figure that is not known is "-". `since`: start of the table's clock.
std::string summary_row(const RequestRecord& record, MonotonicTime since);

// Output tokens per second of decode; absent without tokens or decode time. From the server's own durations
// where it gives them, (n-1)/time over a stream's chunks else.
std::optional<double> decode_tokens_per_second(const RequestRecord& record);

// Joules of the request without its load, per output token; absent without tokens or power.
std::optional<double> joules_per_token(const RequestRecord& record);

}  // namespace tegrascope
