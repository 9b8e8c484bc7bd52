#include "agent/attribution/averaging.hpp"

namespace tegrascope {

double unaveraged_mean_watts(double first_watts, double second_watts, Nanoseconds span, Nanoseconds tau) {
  const double mean = (first_watts + second_watts) / 2;
  return mean + to_seconds(tau) * (second_watts - first_watts) / to_seconds(span);
}

}  // namespace tegrascope
