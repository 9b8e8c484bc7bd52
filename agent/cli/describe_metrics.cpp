#include <CLI/App.hpp>
#include <iostream>

#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "exporters/prometheus/describe.hpp"

namespace tegrascope {

int command_describe_metrics(int argc, const char* const* argv) {
  bool json = false;
  bool markdown = false;
  CLI::App app("Every metric of the agent: name, type, unit, meaning, labels with their bounds, buckets.",
               "tegrascope describe-metrics");
  auto* as_json = app.add_flag("--json", json, "As JSON");
  app.add_flag("--markdown", markdown, "As docs/metrics.md")->excludes(as_json);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  std::cout << (json       ? describe_metrics_json()
                : markdown ? describe_metrics_markdown()
                           : describe_metrics_text());
  return 0;
}

}  // namespace tegrascope
