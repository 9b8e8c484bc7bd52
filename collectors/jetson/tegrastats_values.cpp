#include "collectors/jetson/tegrastats_values.hpp"

#include "collectors/text.hpp"

namespace tegrascope::tegrastats {
namespace {

constexpr double kMostMegahertz = 1e6;
constexpr double kMostMilliwatts = 1e7;
constexpr double kMostCelsius = 1000;
constexpr std::uint64_t kMostUnits = std::uint64_t{1} << 32;

// Applies `read` to the parts of "[a,b]" or to a lone "a"; nothing when one part cannot be read.
template <class F>
std::optional<std::vector<double>> list_of(std::string_view text, F&& read) {
  if (remove_prefix(text, "[") && !remove_suffix(text, "]")) return std::nullopt;
  std::vector<double> values;
  bool good = true;
  for_each_part(text, ',', [&](std::string_view part) {
    const auto value = read(part);
    if (value) values.push_back(*value);
    good = good && value;
  });
  if (!good) return std::nullopt;
  return values;
}

}  // namespace

std::optional<double> ratio(std::string_view text) {
  if (!remove_suffix(text, "%")) return std::nullopt;
  const auto percent = to_number(text);
  if (!percent || *percent < 0 || *percent > 100) return std::nullopt;
  return *percent / 100;
}

std::optional<double> hertz(std::string_view text) {
  const auto megahertz = to_number(text);
  if (!megahertz || *megahertz < 0 || *megahertz > kMostMegahertz) return std::nullopt;
  return *megahertz * 1e6;
}

std::optional<std::uint64_t> bytes(std::string_view text) {
  if (text.size() < 3) return std::nullopt;
  const std::string unit = lower(text.substr(text.size() - 2));
  unsigned shift = 0;
  if (unit == "kb")
    shift = 10;
  else if (unit == "mb")
    shift = 20;
  else if (unit == "gb")
    shift = 30;
  else
    return std::nullopt;
  text.remove_suffix(2);
  const auto value = to_integer<std::uint64_t>(text);
  if (!value || *value > kMostUnits) return std::nullopt;
  return *value << shift;
}

std::optional<UsedOfTotal> used_of_total(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || text.size() < 3) return std::nullopt;
  const auto total = bytes(text.substr(slash + 1));
  // The unit stands once, at the end.
  const auto used = bytes(std::string(text.substr(0, slash)).append(text.substr(text.size() - 2)));
  if (!total || !used) return std::nullopt;
  return UsedOfTotal{*used, *total};
}

std::optional<LoadAtClock> load_at_clock(std::string_view text) {
  LoadAtClock result;
  if (text == "off") {
    result.off = true;
    return result;
  }
  const auto at = text.find('@');
  if (at != 0) {
    auto ratios = list_of(text.substr(0, at), ratio);
    if (!ratios) return std::nullopt;
    result.ratios = *std::move(ratios);
  }
  if (at != std::string_view::npos) {
    auto clocks = list_of(text.substr(at + 1), hertz);
    if (!clocks) return std::nullopt;
    result.hertz = *std::move(clocks);
  }
  return result;
}

std::optional<std::vector<double>> watts(std::string_view text) {
  std::vector<double> values;
  bool good = true;
  // All parts carry the unit (from R34) or none: a cut last part does not pass.
  const bool unit = text.find("mW") != std::string_view::npos;
  for_each_part(text, '/', [&](std::string_view part) {
    if (unit && !remove_suffix(part, "mW")) good = false;
    const auto milliwatts = to_number(part);
    if (milliwatts && *milliwatts >= -kMostMilliwatts && *milliwatts <= kMostMilliwatts)
      values.push_back(*milliwatts / 1000);
    else
      good = false;
  });
  if (!good || values.size() < 2 || values.size() > 3) return std::nullopt;
  return values;
}

std::optional<std::vector<double>> celsius(std::string_view text) {
  std::vector<double> values;
  bool good = true;
  for_each_part(text, '/', [&](std::string_view part) {
    const bool unit = remove_suffix(part, "C");
    const auto degrees = to_number(part);
    if (unit && degrees && *degrees >= -kMostCelsius && *degrees <= kMostCelsius)
      values.push_back(*degrees);
    else
      good = false;
  });
  if (!good || values.empty() || values.size() > 2) return std::nullopt;
  return values;
}

std::optional<std::string> date_time(std::string_view date, std::string_view time) {
  if (date.size() != 10 || date[2] != '-' || date[5] != '-') return std::nullopt;
  if (time.size() != 8 || time[2] != ':' || time[5] != ':') return std::nullopt;
  const auto within = [](std::string_view text, unsigned min, unsigned max) {
    const auto value = to_integer<unsigned>(text);
    return value && *value >= min && *value <= max;
  };
  if (!within(date.substr(0, 2), 1, 12) || !within(date.substr(3, 2), 1, 31) ||
      !within(date.substr(6), 1, 9999) || !within(time.substr(0, 2), 0, 23) ||
      !within(time.substr(3, 2), 0, 59) || !within(time.substr(6), 0, 60))
    return std::nullopt;
  return std::string(date.substr(6)).append("-").append(date.substr(0, 5)).append("T").append(time);
}

}  // namespace tegrascope::tegrastats
