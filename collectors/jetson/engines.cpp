#include "collectors/jetson/engines.hpp"

#include <algorithm>
#include <array>

#include "collectors/jetson/board.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 8> kNames{"nvenc", "nvdec", "nvjpg", "msenc",
                                                 "vic",   "ofa",   "se",    "ape"};
constexpr std::int64_t kFastestHertz = 10'000'000'000;
constexpr std::int64_t kMostUsers = 1'000'000;

}  // namespace

std::optional<std::string> engine_of_clock(std::string_view clock) {
  if (clock.size() == 9 && clock.starts_with("dla") && clock.ends_with("_core"))
    return "nvdla" + std::string(clock.substr(3, 1));
  if (clock.size() == 8 && clock.starts_with("pva") && clock.ends_with("_vps"))
    return "pva" + std::string(clock.substr(3, 1));
  for (const std::string_view name : kNames) {
    std::string_view number = clock;
    if (!remove_prefix(number, name)) continue;
    if (number.empty() || (number.size() == 1 && number[0] >= '0' && number[0] <= '9'))
      return std::string(clock);
  }
  return std::nullopt;
}

EnginesCollector::EnginesCollector(const HostPaths& paths) : paths_(paths) {}

void EnginesCollector::find() {
  if (!is_jetson(paths_)) return;
  const auto clocks = paths_.sysfs / "kernel/debug/clk";
  std::vector<Engine> engines;
  for (const std::string& clock : list_directory(clocks)) {
    const auto name = engine_of_clock(clock);
    if (!name) continue;
    auto enabled = SysfsFile::if_present(clocks / clock / "clk_enable_count");
    if (enabled)
      engines.push_back({*name, *std::move(enabled), SysfsFile::if_present(clocks / clock / "clk_rate")});
  }
  refused_.reset();
  if (!engines.empty())
    engines_ = std::move(engines);
  else if (auto file = SysfsFile::if_present(clocks / "vic/clk_rate"))  // every Tegra has a VIC
    refused_ = std::move(file);
}

void EnginesCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), engines_.empty() || lost_)) find();
  out.absent = engines_.empty() && !refused_;
  lost_ = false;
  if (refused_) refused_->read_integer(0, kFastestHertz).report(out.errors);
  for (Engine& engine : engines_) {
    const auto users = engine.enabled.read_integer(0, kMostUsers);
    users.report(out.errors);
    lost_ = lost_ || users.failed_with(ErrorReason::missing);
    if (!users) continue;
    out.readings.push_back({Signal::engine_on, engine.name, "", *users > 0 ? 1.0 : 0.0, users.at()});
    if (*users == 0 || !engine.rate) continue;
    const auto hertz = engine.rate->read_integer(0, kFastestHertz);
    hertz.report(out.errors);
    lost_ = lost_ || hertz.failed_with(ErrorReason::missing);
    if (hertz)
      out.readings.push_back(
          {Signal::engine_frequency_hertz, engine.name, "", static_cast<double>(*hertz), hertz.at()});
  }
}

}  // namespace tegrascope
