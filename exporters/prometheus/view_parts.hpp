// The parts of to_families(), each for one area of the snapshot.
#pragma once

#include "agent/model/snapshot.hpp"
#include "exporters/prometheus/family_writer.hpp"

namespace tegrascope {

void write_board(const Snapshot& snapshot, FamilyWriter& out);  // collectors, readings, energy and GPU totals
void write_servers(const Snapshot& snapshot, FamilyWriter& out);  // what Ollama declares
void write_models(const Snapshot& snapshot, FamilyWriter& out);   // requests, attribution, placement
void write_events(const Snapshot& snapshot, FamilyWriter& out);   // what was told, and to whom

inline double joules(std::int64_t nanojoules) { return static_cast<double>(nanojoules) / 1e9; }
inline double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace tegrascope
