#include "agent/app/collector_choice.hpp"

namespace tegrascope {

std::vector<ChosenCollector> choose_collectors(const Config& config) {
  std::vector<ChosenCollector> chosen;
  for (const CollectorInfo& info : builtin_collectors()) {
    const std::string name(info.name);
    const auto said = config.collectors.find(name);
    ChosenCollector choice{&info, info.on_by_default ? info.make : info.make_auto, {}};
    if (said != config.collectors.end()) choice.make = said->second ? info.make : nullptr;
    if (choice.make == nullptr)
      choice.why_off = said != config.collectors.end() ? "switched off by --no-collector." + name
                                                       : "off by default; --collector." + name + " runs it";
    chosen.push_back(std::move(choice));
  }
  return chosen;
}

}  // namespace tegrascope
