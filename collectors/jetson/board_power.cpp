#include "collectors/jetson/board_power.hpp"

#include <algorithm>
#include <array>

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 3> kInputRails{"VDD_IN", "POM_5V_IN", "VIN"};
constexpr std::array<std::string_view, 3> kSummedRails{"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"};
constexpr std::string_view kSummedIfShown = "VDDQ_VDD2_1V8AO";

const RailPower* find(const std::vector<RailPower>& rails, std::string_view name) {
  const auto rail =
      std::find_if(rails.begin(), rails.end(), [name](const RailPower& r) { return r.name == name; });
  return rail == rails.end() ? nullptr : &*rail;
}

}  // namespace

std::optional<BoardPower> board_power(const std::vector<RailPower>& rails) {
  for (const std::string_view name : kInputRails) {
    const RailPower* rail = find(rails, name);
    if (rail == nullptr) continue;
    if (!rail->watts) return std::nullopt;
    return BoardPower{*rail->watts, "input_rail", rail->at, rail->averaging_seconds};
  }

  std::vector<const RailPower*> parts;
  for (const std::string_view name : kSummedRails) parts.push_back(find(rails, name));
  if (const RailPower* rail = find(rails, kSummedIfShown)) parts.push_back(rail);
  BoardPower sum{0, "rail_sum", {}, parts[0] ? parts[0]->averaging_seconds : std::nullopt};
  Nanoseconds times{};
  for (const RailPower* part : parts) {
    if (part == nullptr || !part->watts) return std::nullopt;
    sum.watts += *part->watts;
    if (!part->averaging_seconds || !sum.averaging_seconds)
      sum.averaging_seconds.reset();
    else if (*part->averaging_seconds != *parts[0]->averaging_seconds)
      sum.averaging_seconds = 0;
    times += part->at.time_since_epoch() / static_cast<std::int64_t>(parts.size());
  }
  sum.at = MonotonicTime{times};
  return sum;
}

std::vector<std::string_view> board_power_rails(const std::vector<RailPower>& rails) {
  for (const std::string_view name : kInputRails)
    if (find(rails, name) != nullptr) return {name};
  std::vector<std::string_view> names;
  for (const std::string_view name : kSummedRails)
    if (find(rails, name) != nullptr) names.push_back(name);
  if (find(rails, kSummedIfShown) != nullptr) names.push_back(kSummedIfShown);
  return names;
}

}  // namespace tegrascope
