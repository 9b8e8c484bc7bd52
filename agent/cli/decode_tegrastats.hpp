// `tegrascope decode tegrastats`: what the agent reads out of lines of tegrastats.
#pragma once

#include <iosfwd>

namespace tegrascope {

// Writes one JSON object per non-empty line of `in` that does not begin with '#', in base units; a field that
// the line does not carry is left out. Returns the exit code: 0, or 1 when `in` or `out` failed.
//
//   {"time","memory":{"used_bytes","total_bytes","largest_free_block_bytes","largest_free_block_count"},
//    "swap":{"used_bytes","total_bytes","cached_bytes"},"iram":{"used_bytes","total_bytes","largest_free_block_bytes"},
//    "cpus":[{"utilization_ratio","frequency_hertz"}|{"online":false}],"emc":{"utilization_ratio","frequency_hertz"},
//    "gpu":{"utilization_ratio","frequencies_hertz":[]},"engines":{NAME:{"on","frequency_hertz","utilization_ratio"}},
//    "temperatures":{ZONE:{"celsius","peak_celsius"}},"rails":{NAME:{"watts","mean_watts","peak_watts"}},
//    "mts":{"fg_ratio","bg_ratio"},"unread":[]}
//
// The fields are those of TegrastatsLine (collectors/jetson/tegrastats_line.hpp).
int decode_tegrastats(std::istream& in, std::ostream& out);

}  // namespace tegrascope
