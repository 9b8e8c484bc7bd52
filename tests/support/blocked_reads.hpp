// Reads that block as those of a stuck driver do: every pread(2) of a file whose text is "(BLOCK)"
// (failing_pread.cpp), until it is released and fails with EIO. Any thread.
#pragma once

#include <cstddef>

namespace tegrascope::test {

// That block now.
std::size_t blocked_reads();

// Those that block now; later ones block again.
void release_blocked_reads();

}  // namespace tegrascope::test
