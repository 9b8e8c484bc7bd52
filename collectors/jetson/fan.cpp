#include "collectors/jetson/fan.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kFullDuty = 255;
constexpr std::int64_t kFastestRpm = 100'000;

}  // namespace

FanCollector::FanCollector(const HostPaths& paths) : sysfs_(paths.sysfs) {}

void FanCollector::find() {
  std::vector<Fan> duties, speeds;
  const auto add = [](const std::filesystem::path& path, int number, std::vector<Fan>& fans) {
    if (auto file = SysfsFile::if_present(path)) fans.push_back({number, *std::move(file)});
  };
  int drives = 0;
  int tachometers = 0;
  const auto hwmon = sysfs_ / "class/hwmon";
  for (const std::string& entry : list_directory(hwmon)) {
    const std::string name = read_once(hwmon / entry / "name");
    if (name.starts_with("pwmfan") || name == "pwm-fan") {
      add(hwmon / entry / "pwm1", ++drives, duties);
      add(hwmon / entry / "fan1_input", drives, speeds);
    } else if (name.find("tach") != std::string::npos) {
      add(hwmon / entry / "rpm", ++tachometers, speeds);
    }
  }
  if (duties.empty()) add(sysfs_ / "devices/pwm-fan/target_pwm", 1, duties);
  if (speeds.empty()) add(sysfs_ / "devices/pwm-fan/rpm_measured", 1, speeds);
  if (!duties.empty()) duties_ = std::move(duties);
  if (!speeds.empty()) speeds_ = std::move(speeds);
}

void FanCollector::collect(Batch& out) {
  const bool none = duties_.empty() && speeds_.empty();
  if (probe_.due(slot_time(out), none || lost_)) find();
  out.absent = duties_.empty() && speeds_.empty();
  lost_ = false;
  const auto read = [&](std::vector<Fan>& fans, Signal signal, std::int64_t most, double units_per) {
    for (Fan& fan : fans) {
      const auto value = fan.file.read_integer(0, most);
      value.report(out.errors);
      lost_ = lost_ || value.failed_with(ErrorReason::missing);
      if (value)
        out.readings.push_back(
            {signal, std::to_string(fan.number), "", static_cast<double>(*value) / units_per, value.at()});
    }
  };
  read(duties_, Signal::fan_duty_ratio, kFullDuty, static_cast<double>(kFullDuty));
  read(speeds_, Signal::fan_speed_rpm, kFastestRpm, 1);
}

}  // namespace tegrascope
