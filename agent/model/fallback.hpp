// Why a model is not, or not wholly, on the GPU, and what mends it.
#pragma once

#include <string>

#include "agent/model/words.hpp"

namespace tegrascope {

struct Fallback {
  ReasonClass reason = ReasonClass::none;
  std::string why;   // one phrase, with what was seen; empty when nothing is known
  std::string cure;  // one line to type; what follows " # " explains. No address, pid or model is in it

  friend bool operator==(const Fallback&, const Fallback&) = default;
};

}  // namespace tegrascope
