// The one table of cures: for each reason the line to type on this kind of machine. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/model/reading.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

// Where the cure is to work. The texts that come out are few: a label may carry them.
struct CurePlace {
  bool jetson = false;
  int l4t_major = 0;  // 36; 0 unknown
  bool container = false;
  std::string container_id;      // put into the command; empty: the word CONTAINER
  bool devices_missing = false;  // the container was started without the NVIDIA runtime
  bool stock_image = false;      // it has CUDA code for this JetPack and only does not know its JetPack
  bool gpu_present = true;
};

CurePlace cure_place(const BoardIdentity& board);

// One line for a shell, without a line break.
std::string cure_for(ReasonClass reason, const CurePlace& place);

}  // namespace tegrascope
