#include "collectors/linux/process_stat.hpp"

#include <unistd.h>

#include "collectors/text.hpp"

namespace tegrascope {

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // comm may hold blanks and parentheses, so fields count from the last ')'.
  const auto open = text.find('(');
  const auto shut = text.rfind(')');
  if (open == std::string_view::npos || shut == std::string_view::npos || shut < open) return std::nullopt;
  const auto fields = split_fields(text.substr(shut + 1));
  constexpr std::size_t kFirst = 3;  // fields[0] is field 3
  if (fields.size() < 24 - kFirst + 1 || fields[0].size() != 1) return std::nullopt;

  const auto number = [&fields](std::size_t field) {
    return to_integer<std::uint64_t>(fields[field - kFirst]);
  };
  const auto parent = to_integer<std::int64_t>(fields[4 - kFirst]);
  const auto user = number(14);
  const auto system = number(15);
  const auto start = number(22);
  const auto size = number(23);
  const auto resident = to_integer<std::int64_t>(fields[24 - kFirst]);
  if (!parent || !user || !system || !start || !size || !resident) return std::nullopt;

  ProcessStat stat;
  stat.comm = text.substr(open + 1, shut - open - 1);
  stat.state = fields[0][0];
  stat.parent_pid = *parent;
  stat.cpu_ticks = *user + *system;
  stat.start_ticks = *start;
  stat.virtual_bytes = *size;
  // The kernel prints a signed number, which can be briefly below zero.
  stat.resident_pages = *resident < 0 ? 0 : static_cast<std::uint64_t>(*resident);
  return stat;
}

Nanoseconds from_ticks(std::uint64_t ticks) {
  static const auto kPerSecond = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  constexpr std::uint64_t kNano = 1'000'000'000;
  const std::uint64_t seconds = ticks / kPerSecond;
  const std::uint64_t rest = ticks % kPerSecond;
  return Nanoseconds{static_cast<std::int64_t>(seconds * kNano + rest * kNano / kPerSecond)};
}

}  // namespace tegrascope
