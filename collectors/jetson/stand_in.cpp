#include "collectors/jetson/stand_in.hpp"

namespace tegrascope {

bool tegrastats_wanted(const StandInFacts& facts) {
  constexpr int kFirstReadNatively = 32;
  constexpr int kLastThatPrintsEmcToAll = 35;
  if (!facts.jetson || !facts.same_machine) return false;
  if (facts.l4t_major > 0 && facts.l4t_major < kFirstReadNatively) return true;
  if (facts.emc_in_sysfs) return false;
  return facts.root || (facts.l4t_major > 0 && facts.l4t_major <= kLastThatPrintsEmcToAll);
}

}  // namespace tegrascope
