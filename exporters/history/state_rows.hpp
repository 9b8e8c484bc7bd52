// A SavedState as rows of the state file: the schema, reading and writing. Within a transaction of the caller's.
#pragma once

#include "agent/model/saved_state.hpp"
#include "exporters/history/database.hpp"

namespace tegrascope {

void create_tables(Database& database);

// Absent: nothing was saved yet. Throws DamagedFile when the rows make no sense.
std::optional<SavedState> read_state(Database& database);

// Writes what differs from `before`, which the rows hold.
void write_state(Database& database, const SavedState& before, const SavedState& state);

}  // namespace tegrascope
