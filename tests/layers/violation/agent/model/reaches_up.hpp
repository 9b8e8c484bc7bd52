// A layer that reaches up, to prove that the check fails.
#include "collectors/collector.hpp"
