#include "exporters/prometheus/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "exporters/prometheus/catalogue.hpp"

namespace tegrascope {
namespace {

std::string_view word(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return "counter";
    case MetricKind::gauge:
      return "gauge";
    case MetricKind::histogram:
      return "histogram";
  }
  return "";
}

// Those of the process itself, and of what the agent adds: by the second word of the name.
std::string_view chapter(const FamilyInfo& family) {
  const std::string_view name = family.name;
  if (name.starts_with("process_") || family.family <= Family::build_info)
    return "The agent's process and build";
  if (family.family <= Family::board_info) return "Board: identity, power mode, CPU, memory";
  if (family.family <= Family::sample_duration_seconds_total) return "Collectors";
  if (family.family <= Family::swap_out_bytes_total) return "Board: identity, power mode, CPU, memory";
  if (family.family <= Family::engine_frequency_hertz) return "Board: GPU, memory controller, engines";
  if (family.family <= Family::rail_averaging_seconds) return "Board: power and energy";
  if (family.family <= Family::fan_duty_ratio) return "Board: heat, throttling, fan";
  if (name.starts_with("tegrascope_ollama_") || name.starts_with("tegrascope_model_load_failures") ||
      name.starts_with("tegrascope_runner_"))
    return "Ollama";
  if (name.starts_with("tegrascope_model_") || name.find("placement") != std::string_view::npos ||
      name.find("fallback") != std::string_view::npos)
    return "Models and where they run";
  if (family.family < Family::attributed_energy_joules_total) return "Requests";
  if (family.family <= Family::forgotten_gpu_seconds) return "Attribution";
  return "Relay, capture, quality of the figures";
}

std::string joined_buckets(Family family) {
  std::string text;
  for (const double edge : buckets(family)) text += fmt::format("{}{}", text.empty() ? "" : " ", edge);
  return text;
}

std::string labels_line(const FamilyInfo& family, std::string_view quote) {
  std::string text;
  for (const std::string_view label : family.labels()) {
    const LabelInfo& about = label_info(family.family, label);
    text += fmt::format("{}{}{}{} (≤ {}: {})", text.empty() ? "" : "; ", quote, label, quote, about.bound,
                        about.values);
  }
  return text;
}

}  // namespace

std::string describe_metrics_text() {
  std::string text;
  for (const FamilyInfo& family : catalogue()) {
    text += fmt::format("{}\n  {}{}{}\n  {}\n", family.name, word(family.kind),
                        unit(family).empty() ? "" : ", ", unit(family), family.help);
    if (!family.labels().empty()) text += fmt::format("  labels: {}\n", labels_line(family, ""));
    if (!buckets(family.family).empty())
      text += fmt::format("  buckets: {}\n", joined_buckets(family.family));
  }
  return text;
}

std::string describe_metrics_json() {
  auto list = nlohmann::ordered_json::array();
  for (const FamilyInfo& family : catalogue()) {
    nlohmann::ordered_json entry{{"name", family.name},
                                 {"type", word(family.kind)},
                                 {"unit", unit(family)},
                                 {"help", family.help},
                                 {"labels", nlohmann::ordered_json::array()}};
    for (const std::string_view label : family.labels()) {
      const LabelInfo& about = label_info(family.family, label);
      entry["labels"].push_back({{"name", label}, {"bound", about.bound}, {"values", about.values}});
    }
    if (const auto edges = buckets(family.family); !edges.empty())
      entry["buckets"] = std::vector<double>(edges.begin(), edges.end());
    list.push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

std::string describe_metrics_markdown() {
  std::string text =
      "# Metrics\n\nMade by `tegrascope describe-metrics --markdown` from the table in "
      "`exporters/prometheus/catalogue.cpp`; a test compares.\n\n"
      "What has no reading has no series: absent is not zero. Counters begin at 0 when the agent starts. Of "
      "each label: the "
      "most values at a time, and which. A model unseen for 24 h loses its series. `other` is every model "
      "beyond the cap, and "
      "every name that Ollama does not know.\n";
  // Chapters in the order of their first family.
  std::vector<std::string_view> chapters;
  for (const FamilyInfo& family : catalogue()) {
    if (std::find(chapters.begin(), chapters.end(), chapter(family)) == chapters.end())
      chapters.push_back(chapter(family));
  }
  for (const std::string_view title : chapters) {
    text +=
        fmt::format("\n## {}\n\n| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n", title);
    for (const FamilyInfo& family : catalogue()) {
      if (chapter(family) != title) continue;
      text += fmt::format("| `{}` | {} | {} | {} | {} |\n", family.name, word(family.kind), unit(family),
                          labels_line(family, "`"), family.help);
    }
  }
  text += "\n## Buckets\n\nPart of the contract: they do not change within a major version.\n\n";
  for (const FamilyInfo& family : catalogue()) {
    if (!buckets(family.family).empty())
      text += fmt::format("- `{}`: {}\n", family.name, joined_buckets(family.family));
  }
  return text;
}

}  // namespace tegrascope
