// The identities of the books (attribution method 2.4), over random timelines: a few samples, a few requests in any
// order and form, told late or never. Each timeline is a script that can be played again with one thing changed.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tegrascope::accuracy {

struct IdentityCount {
  const char* name;  // "I1 measured = attributed + unattributed + pending"
  std::uint64_t checked = 0;
  std::uint64_t violated = 0;
  std::uint64_t first_seed = 0;  // of the first timeline that violates it
};

// In the method's order. I12 (rails are nested) is not here: the ledger books one rail.
inline constexpr std::size_t kIdentities = 14;
using IdentityCounts = std::array<IdentityCount, kIdentities>;

// Timelines `first` to `first + count - 1`, on `threads` threads. Takes about 0.1 ms each.
IdentityCounts check_timelines(std::uint64_t first, std::uint64_t count, unsigned threads);

}  // namespace tegrascope::accuracy
