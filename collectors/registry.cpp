#include "collectors/collector.hpp"
#include "collectors/jetson/cooling.hpp"
#include "collectors/jetson/emc.hpp"
#include "collectors/jetson/engines.hpp"
#include "collectors/jetson/fan.hpp"
#include "collectors/jetson/gpu.hpp"
#include "collectors/jetson/nvpmodel.hpp"
#include "collectors/jetson/rails.hpp"
#include "collectors/jetson/tegrastats.hpp"
#include "collectors/jetson/thermal.hpp"
#include "collectors/jetson/throttle.hpp"
#include "collectors/linux/cpu.hpp"
#include "collectors/linux/memory.hpp"
#include "collectors/linux/pressure.hpp"
#include "collectors/linux/processes.hpp"
#include "collectors/linux/self.hpp"
#include "collectors/nvml/nvml.hpp"

namespace tegrascope {
namespace {

template <class T>
std::unique_ptr<Collector> make(const HostPaths& paths) {
  return std::make_unique<T>(paths);
}

std::unique_ptr<Collector> make_tegrastats_stand_in(const HostPaths& paths) {
  return std::make_unique<TegrastatsCollector>(paths, TegrastatsCollector::Mode::where_sysfs_lacks);
}

std::unique_ptr<Collector> make_nvml_where_needed(const HostPaths& paths) {
  return std::make_unique<NvmlCollector>(paths, NvmlCollector::Mode::where_sysfs_lacks);
}

}  // namespace

const std::vector<CollectorInfo>& builtin_collectors() {
  using std::chrono::milliseconds;
  constexpr milliseconds kEverySlot{0};
  constexpr milliseconds kEverySecond{1000};
  // What changes slowly. A slot lies anywhere in its second, so two samples of these lie at most 4 s apart: still fresh.
  constexpr milliseconds kEveryThreeSeconds{3000};
  static const std::vector<CollectorInfo> list{
      {"cpu", true, kEverySecond, make<CpuCollector>},
      {"memory", true, kEverySecond, make<MemoryCollector>},
      {"pressure", true, kEveryThreeSeconds, make<PressureCollector>},
      {"processes", true, kEverySlot, make<ProcessesCollector>},
      {"self", true, kEveryThreeSeconds, make<SelfCollector>},
      {"gpu", true, kEverySlot, make<GpuCollector>},
      {"emc", true, kEverySecond, make<EmcCollector>},
      {"engines", true, kEveryThreeSeconds, make<EnginesCollector>},
      {"rails", true, kEverySlot, make<RailsCollector>},
      {"thermal", true, kEveryThreeSeconds, make<ThermalCollector>},
      {"cooling", true, kEverySecond, make<CoolingCollector>},
      {"throttle", true, kEverySecond, make<ThrottleCollector>},
      {"fan", true, kEveryThreeSeconds, make<FanCollector>},
      {"nvpmodel", true, kEveryThreeSeconds, make<NvpmodelCollector>},
      {"nvml", false, kEverySlot, make<NvmlCollector>, make_nvml_where_needed},
      {"tegrastats", false, kEverySecond, make<TegrastatsCollector>, make_tegrastats_stand_in},
  };
  return list;
}

}  // namespace tegrascope
