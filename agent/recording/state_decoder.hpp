// Lines of a recording that tell a state of something, as records. Throw as json_fields.hpp says.
#pragma once

#include "agent/recording/json_fields.hpp"
#include "agent/recording/record.hpp"

namespace tegrascope {

Record servers_of(const Json& line);
Record state_of(const Json& line);
Record log_of(const Json& line);
Record capture_of(const Json& line);
Record relay_of(const Json& line);
Record access_of(const Json& line);
Record restored_of(const Json& line);
Record slots_of(const Json& line);

}  // namespace tegrascope
