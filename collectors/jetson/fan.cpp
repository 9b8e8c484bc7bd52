#include "collectors/jetson/fan.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kFullDuty = 255;
constexpr std::int64_t kFastestRpm = 100'000;

}  // namespace

FanCollector::FanCollector(const HostPaths& paths) : sysfs_(paths.sysfs) {}

void FanCollector::find() {
  std::vector<SysfsFile> duties, speeds;
  const auto add = [](const std::filesystem::path& path, std::vector<SysfsFile>& files) {
    if (auto file = SysfsFile::if_present(path)) files.push_back(*std::move(file));
  };
  const auto hwmon = sysfs_ / "class/hwmon";
  for (const std::string& entry : list_directory(hwmon)) {
    const std::string name = read_once(hwmon / entry / "name");
    if (name.starts_with("pwmfan") || name == "pwm-fan") {
      add(hwmon / entry / "pwm1", duties);
      add(hwmon / entry / "fan1_input", speeds);
    } else if (name.find("tach") != std::string::npos) {
      add(hwmon / entry / "rpm", speeds);
    }
  }
  if (duties.empty()) add(sysfs_ / "devices/pwm-fan/target_pwm", duties);
  if (speeds.empty()) add(sysfs_ / "devices/pwm-fan/rpm_measured", speeds);
  if (duties.empty() && speeds.empty()) return;
  duties_ = std::move(duties);
  speeds_ = std::move(speeds);
}

void FanCollector::collect(Batch& out) {
  const bool none = duties_.empty() && speeds_.empty();
  if ((none || lost_) && probe_.due(slot_time(out))) find();
  out.absent = duties_.empty() && speeds_.empty();
  lost_ = false;
  const auto read = [&](std::vector<SysfsFile>& files, Signal signal, std::int64_t most, double units_per) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto value = files[i].read_integer(0, most);
      value.report(out.errors);
      lost_ = lost_ || value.failed_with(ErrorReason::missing);
      if (value)
        out.readings.push_back(
            {signal, std::to_string(i + 1), "", static_cast<double>(*value) / units_per, value.at()});
    }
  };
  read(duties_, Signal::fan_duty_ratio, kFullDuty, static_cast<double>(kFullDuty));
  read(speeds_, Signal::fan_speed_rpm, kFastestRpm, 1);
}

}  // namespace tegrascope
