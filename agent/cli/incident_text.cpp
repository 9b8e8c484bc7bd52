#include "agent/cli/incident_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "agent/recording/replay.hpp"

namespace tegrascope {
namespace {

constexpr Nanoseconds kRow = std::chrono::seconds(5);

// Mean, or the highest, of what was read in a row's time.
class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  std::optional<double> value() const {
    return count_ > 0 ? std::optional(sum_ / static_cast<double>(count_)) : std::nullopt;
  }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

struct Row {
  Mean watts;
  Mean gpu_percent;
  Mean gpu_megahertz;
  Mean available_gigabytes;
  std::optional<double> hottest;
  bool throttled = false;
  double cpu_seconds = 0;  // of all runners
  bool runners_seen = false;
};

class Table {
 public:
  void take(const Batch& batch) {
    for (const Reading& reading : batch.readings) take(reading);
    for (const ProcessReading& process : batch.processes) take(process);
  }
  std::string text(MonotonicTime began) const;

 private:
  Row& row_at(MonotonicTime at) { return rows_[at.time_since_epoch() / kRow]; }

  void take(const Reading& r) {
    Row& row = row_at(r.at);
    switch (r.signal) {
      case Signal::board_power_watts:
        row.watts.add(r.value);
        break;
      case Signal::gpu_utilization_ratio:
        row.gpu_percent.add(r.value * 100);
        break;
      case Signal::gpu_frequency_hertz:
        row.gpu_megahertz.add(r.value * 1e-6);
        break;
      case Signal::memory_available_bytes:
        row.available_gigabytes.add(r.value * 1e-9);
        break;
      case Signal::temperature_celsius:
        row.hottest = std::max(row.hottest.value_or(r.value), r.value);
        break;
      case Signal::throttled:
        row.throttled = row.throttled || r.value != 0;
        break;
      default:
        break;
    }
  }

  void take(const ProcessReading& process) {
    if (process.role != ProcessRole::runner || !process.cpu_time) return;
    const auto [last, first] = cpu_.try_emplace(process.id, *process.cpu_time);
    if (!first) {
      Row& row = row_at(process.at);
      row.cpu_seconds += to_seconds(*process.cpu_time - last->second);
      row.runners_seen = true;
    }
    last->second = *process.cpu_time;
  }

  std::map<std::int64_t, Row> rows_;
  std::map<ProcessId, Nanoseconds> cpu_;
};

std::string cell(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string Table::text(MonotonicTime began) const {
  std::string out = fmt::format("{:>8} {:>7} {:>6} {:>8} {:>12} {:>10} {:>8}  {}\n", "s", "W", "GPU %",
                                "GPU MHz", "runner cores", "GB free", "hottest", "throttled");
  for (const auto& [number, row] : rows_) {
    const double seconds = to_seconds(MonotonicTime(number * kRow) - began);
    if (seconds <= -to_seconds(kRow)) continue;  // what was known when it began
    std::optional<double> cores;
    if (row.runners_seen) cores = row.cpu_seconds / to_seconds(kRow);
    out += fmt::format("{:>8.0f} {:>7} {:>6} {:>8} {:>12} {:>10} {:>8}  {}\n", std::max(seconds, 0.0),
                       cell(row.watts.value(), 1), cell(row.gpu_percent.value(), 0),
                       cell(row.gpu_megahertz.value(), 0), cell(cores, 1),
                       cell(row.available_gigabytes.value(), 2), cell(row.hottest, 0),
                       row.throttled ? "yes" : "no");
  }
  return out;
}

}  // namespace

std::string readings_table(std::istream& in, const std::string& name) {
  Table table;
  const Replay result = replay(in, name, [&](const Record& record) {
    if (const auto* batch = std::get_if<Batch>(&record)) table.take(*batch);
  });
  return table.text(result.runs.front().began.monotonic);
}

}  // namespace tegrascope
