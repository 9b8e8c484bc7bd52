#include "collectors/jetson/rails.hpp"

#include <algorithm>

#include "collectors/jetson/board_power.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr int kChannels = 3;
constexpr std::int64_t kMostMillivolts = 100'000;
constexpr std::int64_t kMostMilliamperes = 1'000'000;
constexpr std::int64_t kMostPower = 10'000'000'000;  // uW

constexpr std::int64_t kMostSamples = 1024;
constexpr std::int64_t kLongestInterval = 60'000;       // ms
constexpr std::int64_t kLongestCycleMilliseconds = 50;  // 3 channels of twice 8.244 ms
constexpr double kResetCycleSeconds = 0.0066;           // 3 channels of twice 1.1 ms

std::optional<double> read_averaging(const std::filesystem::path& chip, std::vector<ReadError>& errors) {
  const std::size_t before = errors.size();
  const auto samples = read_integer_once(chip / "samples", 1, kMostSamples, errors);
  const auto interval = read_integer_once(chip / "update_interval", 0, kLongestInterval, errors);
  if (!samples || errors.size() != before) return std::nullopt;
  return averaging_seconds(*samples, interval.value_or(0));
}

}  // namespace

double averaging_seconds(std::int64_t samples, std::int64_t update_interval_ms) {
  if (samples <= 1 || samples > kMostSamples || update_interval_ms > kLongestInterval) return 0;
  if (update_interval_ms > kLongestCycleMilliseconds) return static_cast<double>(update_interval_ms) / 1e3;
  const double cycle =
      update_interval_ms > 0 ? static_cast<double>(update_interval_ms) / 1e3 : kResetCycleSeconds;
  return static_cast<double>(samples) * cycle;
}

RailsCollector::RailsCollector(const HostPaths& paths) : sysfs_(paths.sysfs) {}

void RailsCollector::add(Rail rail, std::vector<Rail>& rails) {
  // The same chip is reached by two paths; a name of a rail is unique on a board, but for NC.
  const bool known =
      std::any_of(rails.begin(), rails.end(), [&](const Rail& other) { return other.name == rail.name; });
  const bool readable = (rail.millivolts && rail.milliamperes) || rail.power;
  if (rail.name.empty() || rail.name == "NC" || rail.name == "sum of shunt voltages" || known || !readable)
    return;
  rails.push_back(std::move(rail));
}

void RailsCollector::find_hwmon(const std::filesystem::path& folder, std::vector<Rail>& rails) {
  const std::string chip = read_once(folder / "name");
  if (chip == "ina3221") {
    for (int channel = 1; channel <= kChannels; ++channel) {
      const std::string number = std::to_string(channel);
      add({read_once(folder / ("in" + number + "_label")),
           SysfsFile::if_present(folder / ("in" + number + "_input")),
           SysfsFile::if_present(folder / ("curr" + number + "_input")),
           {},
           0,
           SysfsFile::if_present(folder / "samples") ? folder : std::filesystem::path(),
           {}},
          rails);
    }
  } else if (chip == "ina238") {
    add({"VIN",
         SysfsFile::if_present(folder / "in1_input"),
         SysfsFile::if_present(folder / "curr1_input"),
         SysfsFile::if_present(folder / "power1_input"),
         1e-6,
         {},
         {}},
        rails);
  }
}

void RailsCollector::find_iio(const std::filesystem::path& folder, std::vector<Rail>& rails) {
  for (int channel = 0; channel < kChannels; ++channel) {
    const std::string number = std::to_string(channel);
    add({read_once(folder / ("rail_name_" + number)),
         SysfsFile::if_present(folder / ("in_voltage" + number + "_input")),
         SysfsFile::if_present(folder / ("in_current" + number + "_input")),
         SysfsFile::if_present(folder / ("in_power" + number + "_input")),
         1e-3,
         {},
         {}},
        rails);
  }
}

std::vector<RailsCollector::Rail> RailsCollector::find() const {
  std::vector<Rail> rails;
  const auto hwmon = sysfs_ / "class/hwmon";
  for (const std::string& entry : list_directory(hwmon)) find_hwmon(hwmon / entry, rails);
  const auto drivers = sysfs_ / "bus/i2c/drivers";
  for (const std::string& chip : list_directory(drivers / "ina3221"))
    for (const std::string& entry : list_directory(drivers / "ina3221" / chip / "hwmon"))
      find_hwmon(drivers / "ina3221" / chip / "hwmon" / entry, rails);
  for (const std::string& chip : list_directory(drivers / "ina3221x"))
    for (const std::string& entry : list_directory(drivers / "ina3221x" / chip))
      if (entry.starts_with("iio:device")) find_iio(drivers / "ina3221x" / chip / entry, rails);
  return rails;
}

void RailsCollector::collect(Batch& out) {
  bool look_at_chips = averaging_.due(slot_time(out));
  if (probe_.due(slot_time(out), rails_.empty() || lost_)) {
    if (auto found = find(); !found.empty()) {
      rails_ = std::move(found);
      look_at_chips = true;
    }
  }
  out.absent = rails_.empty();
  lost_ = false;

  if (look_at_chips) read_averaging_of_chips(out.errors);
  std::vector<RailPower> powers;
  for (Rail& rail : rails_) {
    RailPower power{rail.name, {}, {}, rail.averaging_seconds};
    if (rail.averaging_seconds)
      out.readings.push_back(
          {Signal::rail_averaging_seconds, rail.name, "", *rail.averaging_seconds, slot_time(out)});
    collect_rail(rail, out, power.watts, power.at);
    powers.push_back(power);
  }
  if (const auto board = board_power(powers)) {
    if (board->averaging_seconds)
      out.readings.push_back(
          {Signal::board_averaging_seconds, "", "", *board->averaging_seconds, slot_time(out)});
    out.readings.push_back(
        {Signal::board_power_watts, "", std::string(board->kind), board->watts, board->at});
  }
}

// The channels of one chip share its settings.
void RailsCollector::read_averaging_of_chips(std::vector<ReadError>& errors) {
  const Rail* last = nullptr;
  for (Rail& rail : rails_) {
    if (rail.chip.empty()) continue;
    rail.averaging_seconds = last != nullptr && last->chip == rail.chip ? last->averaging_seconds
                                                                        : read_averaging(rail.chip, errors);
    last = &rail;
  }
}

void RailsCollector::collect_rail(Rail& rail, Batch& out, std::optional<double>& watts, MonotonicTime& at) {
  const auto read = [&](std::optional<SysfsFile>& file, std::int64_t least, std::int64_t most) {
    if (!file) return ReadResult<std::int64_t>::none();
    auto value = file->read_integer(least, most);
    value.report(out.errors);
    lost_ = lost_ || value.failed_with(ErrorReason::missing);
    return value;
  };
  const auto millivolts = read(rail.millivolts, 0, kMostMillivolts);
  const auto milliamperes = read(rail.milliamperes, -kMostMilliamperes, kMostMilliamperes);
  const auto power = read(rail.power, -kMostPower, kMostPower);
  if (millivolts)
    out.readings.push_back(
        {Signal::rail_voltage_volts, rail.name, "", static_cast<double>(*millivolts) / 1e3, millivolts.at()});
  if (milliamperes)
    out.readings.push_back({Signal::rail_current_amperes, rail.name, "",
                            static_cast<double>(*milliamperes) / 1e3, milliamperes.at()});
  if (power) {
    watts = static_cast<double>(*power) * rail.watts_per_unit;
    at = power.at();
  } else if (!rail.power && millivolts && milliamperes) {
    watts = static_cast<double>(*millivolts * *milliamperes) / 1e6;
    at = millivolts.at() + (milliamperes.at() - millivolts.at()) / 2;
  }
  if (watts) out.readings.push_back({Signal::rail_power_watts, rail.name, "", *watts, at});
}

}  // namespace tegrascope
