// The values that tegrastats' fields are made of. Pure; used by the line parser only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tegrascope::tegrastats {

struct UsedOfTotal {
  std::uint64_t used_bytes = 0;
  std::uint64_t total_bytes = 0;
};

// A clock with or without a load: "12%", "@729", "12%@729", "@[314,314]", "[1%,3%]@115", "off".
struct LoadAtClock {
  bool off = false;
  std::vector<double> ratios;
  std::vector<double> hertz;
};

std::optional<double> ratio(std::string_view text);               // "53%"
std::optional<double> hertz(std::string_view text);               // "1300", MHz
std::optional<std::uint64_t> bytes(std::string_view text);        // "2MB", "252kB"
std::optional<UsedOfTotal> used_of_total(std::string_view text);  // "1488/7620MB"
std::optional<LoadAtClock> load_at_clock(std::string_view text);  // not a bare number
std::optional<std::vector<double>> watts(std::string_view text);  // "4019mW/4026mW", "2144/2144", up to three
std::optional<std::vector<double>> celsius(std::string_view text);  // "47.5C", "35.2C/35.9C"
std::optional<std::string> date_time(std::string_view date, std::string_view time);

}  // namespace tegrascope::tegrastats
