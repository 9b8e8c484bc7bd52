// When tegrastats runs without being asked for. Pure; any thread.
#pragma once

namespace tegrascope {

struct StandInFacts {
  bool jetson = false;
  int l4t_major = 0;          // 36 of "36.4.4"; 0: unknown
  bool root = false;          // tegrastats would run as root
  bool emc_in_sysfs = false;  // the agent itself can read clock and activity of the memory controller
  bool same_machine = false;  // the program would look at the machine that the agent watches
};

// Only where it tells something that sysfs does not:
//   L4T 21 to 28           everything: the collectors know releases from 32 on
//   as root                the memory controller, where its files are elsewhere than the agent looks
//   not root, L4T 32 to 35 the memory controller: tegrastats of these releases prints EMC_FREQ for everybody, those
//                          from 36 on for root only
bool tegrastats_wanted(const StandInFacts& facts);

}  // namespace tegrascope
