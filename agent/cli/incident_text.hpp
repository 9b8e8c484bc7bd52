// An incident for a person: the readings that tell what the board did, every few seconds.
#pragma once

#include <iosfwd>
#include <string>

namespace tegrascope {

// A table of the recording `in` with a row for each five seconds: power, GPU load and clock, cores of the runners, free
// memory, hottest zone, throttling. `name` stands in errors. Throws RecordingError as replay() does.
std::string readings_table(std::istream& in, const std::string& name);

}  // namespace tegrascope
