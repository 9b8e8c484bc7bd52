#include "agent/app/doctor/findings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tegrascope {
namespace {

using Numbers = std::array<int, 3>;

bool parse(std::string_view version, Numbers& numbers) {
  numbers = {};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), numbers[i]);
    if (error != std::errc{}) return i > 0;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (!version.starts_with('.')) return true;
    version.remove_prefix(1);
  }
  return true;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::problem:
      return "problem";
  }
  return "note";
}

bool is_before(std::string_view version, std::string_view other) {
  Numbers a, b;
  return parse(version, a) && parse(other, b) && a != Numbers{} && a < b;
}

bool is_unknown_release(std::string_view version) {
  Numbers numbers;
  return parse(version, numbers) && numbers == Numbers{};
}

std::vector<Reading> sensor_readings(const BoardReport& report) {
  std::vector<Reading> readings;
  for (const CollectorReport& collector : report.collectors) {
    if (collector.name == "tegrastats") continue;
    for (const SignalReport& signal : collector.signals) readings.push_back(signal.reading);
  }
  return readings;
}

std::optional<Reading> find_reading(const BoardReport& report, Signal signal, std::string_view kind,
                                    std::string_view instance) {
  for (const CollectorReport& collector : report.collectors) {
    for (const SignalReport& s : collector.signals) {
      const Reading& r = s.reading;
      if (r.signal == signal && (kind.empty() || r.kind == kind) &&
          (instance.empty() || r.instance == instance))
        return r;
    }
  }
  return std::nullopt;
}

std::vector<Finding> find_all(const DoctorFacts& facts) {
  std::vector<Finding> findings;
  find_in_board(facts, findings);
  find_in_memory(facts, findings);
  find_in_servers(facts, findings);
  find_in_models(facts, findings);
  find_in_witnesses(facts, findings);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return findings;
}

int exit_code(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity != Severity::note; })
             ? 1
             : 0;
}

}  // namespace tegrascope
