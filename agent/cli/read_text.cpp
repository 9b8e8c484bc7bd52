#include "agent/cli/read_text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>
#include <utility>

namespace tegrascope {
namespace {

constexpr std::size_t kColumns = 6;
constexpr std::size_t kValue = 3;  // these two are set flush right
constexpr std::size_t kRead = 4;
constexpr std::size_t kMostPaths = 3;
using Row = std::array<std::string, kColumns>;
constexpr std::array<const char*, kColumns> kHeads{"signal", "instance", "kind", "value", "read", "source"};

// Characters, not bytes.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string in_bytes(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  for (const char* unit : {"KiB", "MiB"}) {
    bytes /= 1024;
    if (bytes < 1024) return fmt::format("{:.1f} {}", bytes, unit);
  }
  return fmt::format("{:.2f} GiB", bytes / 1024);
}

std::string milliseconds(std::optional<Nanoseconds> time) {
  return time ? fmt::format("{:.3f} ms", to_seconds(*time) * 1e3) : "-";
}

std::string joined(const std::vector<Source>& sources) {
  std::string text;
  for (std::size_t i = 0; i < std::min(sources.size(), kMostPaths); ++i)
    text += (i == 0 ? "" : ", ") + sources[i].path;
  if (sources.size() > kMostPaths) text += fmt::format(" and {} more", sources.size() - kMostPaths);
  return text;
}

std::optional<Nanoseconds> total(const std::vector<Source>& sources) {
  std::optional<Nanoseconds> sum;
  for (const Source& source : sources)
    if (source.took) sum = sum.value_or(Nanoseconds{}) + *source.took;
  return sum;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::vector<Row> rows_of(const CollectorReport& collector) {
  std::vector<Row> rows;
  const auto add = [&](std::string_view name, const std::string& instance, const std::string& kind,
                       std::string value, const std::vector<Source>& sources) {
    rows.push_back({std::string(name), or_dash(instance), or_dash(kind), std::move(value),
                    milliseconds(total(sources)), joined(sources)});
  };
  for (const auto& [reading, sources] : collector.signals) {
    const SignalInfo& info = signal_info(reading.signal);
    add(info.name, reading.instance, reading.kind, readable(reading.value, info.unit), sources);
  }
  for (const auto& [process, sources] : collector.processes) {
    const std::string pid = std::to_string(process.id.pid);
    const char* role = process.role == ProcessRole::serve ? "serve" : "runner";
    if (process.cpu_time)
      add("process_cpu_seconds", pid, role, readable(to_seconds(*process.cpu_time), Unit::seconds), sources);
    if (process.resident_bytes)
      add("process_resident_bytes", pid, role,
          readable(static_cast<double>(*process.resident_bytes), Unit::bytes), sources);
  }
  return rows;
}

void write_table(const std::vector<Row>& rows, std::string& out) {
  std::array<std::size_t, kColumns> widths{};
  for (std::size_t i = 0; i < kColumns; ++i) {
    widths[i] = width(kHeads[i]);
    for (const Row& row : rows) widths[i] = std::max(widths[i], width(row[i]));
  }
  const auto write = [&](const Row& row) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      out += "  ";
      const std::string space(widths[i] - width(row[i]), ' ');
      if (i == kValue || i == kRead) out += space;
      out += row[i];
      if (i != kValue && i != kRead && i + 1 < kColumns) out += space;
    }
    out += '\n';
  };
  Row heads;
  std::copy(kHeads.begin(), kHeads.end(), heads.begin());
  write(heads);
  for (const Row& row : rows) write(row);
}

// Appends to a list that holds each once.
void list(std::string_view name, std::vector<std::string>& names) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

// What has the same cause is told in one line.
void write_absences(const std::vector<Absence>& absences, std::string& out) {
  std::string grant_told;
  for (std::size_t i = 0; i < absences.size();) {
    const Absence& first = absences[i];
    std::vector<std::string> names, instances;
    for (; i < absences.size() && absences[i].path == first.path && absences[i].reason == first.reason &&
           absences[i].detail == first.detail;
         ++i) {
      if (absences[i].signal) {
        const std::string kind = absences[i].kind.empty() ? "" : "{kind=" + absences[i].kind + "}";
        list(std::string(signal_info(*absences[i].signal).name) + kind, names);
      }
      list(absences[i].instance, instances);
    }
    out += fmt::format("  absent{}{}", names.empty() ? "" : " ", fmt::join(names, ", "));
    if (!instances.empty()) out += fmt::format(" of {}", fmt::join(instances, ", "));
    out += fmt::format(": {}", first.reason);
    if (!first.detail.empty()) out += fmt::format(" ({})", first.detail);
    if (!first.path.empty()) out += " " + first.path;
    out += '\n';
    if (!first.grant.empty() && first.grant != grant_told)
      out += fmt::format("    to grant it: {}\n", grant_told = first.grant);
  }
}

void write_collector(const CollectorReport& collector, std::string& out) {
  out += fmt::format("\n{}: {}", collector.name, to_string(collector.state));
  if (!collector.reason.empty()) out += ", " + collector.reason;
  if (collector.state == CollectorState::absent) {
    out += '\n';
    return;
  }
  out += fmt::format(", read in {}\n", milliseconds(collector.took));
  const std::vector<Row> rows = rows_of(collector);
  if (!rows.empty())
    write_table(rows, out);
  else if (collector.absent.empty())
    out += "  nothing there now\n";
  write_absences(collector.absent, out);
}

}  // namespace

std::string readable(double value, Unit unit) {
  switch (unit) {
    case Unit::seconds:
      return fmt::format("{:.2f} s", value);
    case Unit::unix_seconds:
      return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(value)));
    case Unit::bytes:
      return in_bytes(value);
    case Unit::bytes_per_second:
      return fmt::format("{:.2f} GB/s", value / 1e9);
    case Unit::hertz:
      return fmt::format("{:.0f} MHz", value / 1e6);
    case Unit::celsius:
      return fmt::format("{:.1f} °C", value);
    case Unit::volts:
      return fmt::format("{:.3f} V", value);
    case Unit::amperes:
      return fmt::format("{:.3f} A", value);
    case Unit::watts:
      return fmt::format("{:.3f} W", value);
    case Unit::joules:
      return fmt::format("{:.3f} J", value);
    case Unit::ratio:
      return fmt::format("{:.1f} %", value * 100);
    case Unit::rpm:
      return fmt::format("{:.0f} rpm", value);
    case Unit::boolean:
      return value != 0 ? "yes" : "no";
    case Unit::count:
    case Unit::number:
      return fmt::format("{:.0f}", value);
  }
  return fmt::format("{}", value);
}

std::string report_text(const BoardReport& report) {
  const BoardIdentity& board = report.board;
  std::string out;
  const auto line = [&out](const char* name, const std::string& text) {
    if (!text.empty()) out += fmt::format("{:<8} {}\n", name, text);
  };
  line("board", board.jetson ? board.module
                             : (board.module.empty() ? "unknown" : board.module) +
                                   ": no Jetson that the agent knows; generic Linux collectors only");
  line("SoC", board.soc);
  line("L4T", board.l4t);
  line("JetPack", board.jetpack);
  line("kernel", board.kernel);
  for (const ReadError& error : report.board_errors)
    line("error", fmt::format("{}: {}", to_string(error.reason), error.where));
  std::map<std::string, std::vector<std::string>> off;  // by reason
  for (const CollectorReport& collector : report.collectors)
    if (collector.state == CollectorState::off)
      off[collector.reason].push_back(collector.name);
    else
      write_collector(collector, out);
  for (const auto& [reason, names] : off)
    out += fmt::format("\n{}: off, {}\n", fmt::join(names, ", "), reason);
  return out;
}

}  // namespace tegrascope
