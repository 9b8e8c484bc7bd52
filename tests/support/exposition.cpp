#include "tests/support/exposition.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace tegrascope::test {
namespace {

ExposedSeries parse_series(const std::string& line) {
  ExposedSeries out;
  std::size_t i = line.find_first_of("{ ");
  if (i == std::string::npos) throw std::runtime_error("not a series: " + line);
  out.name = line.substr(0, i);
  if (line[i] == '{') {
    ++i;
    while (i < line.size() && line[i] != '}') {
      const std::size_t equals = line.find("=\"", i);
      if (equals == std::string::npos) throw std::runtime_error("not a label: " + line);
      const std::string label = line.substr(i, equals - i);
      std::string value;
      for (i = equals + 2; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\') ++i;
        value += line[i];
      }
      out.labels[label] = value;
      ++i;
      if (i < line.size() && line[i] == ',') ++i;
    }
    ++i;
  }
  const char* begin = line.c_str() + i;
  char* end = nullptr;
  out.value = std::strtod(begin, &end);
  if (end == begin) throw std::runtime_error("no value: " + line);
  return out;
}

}  // namespace

Exposition::Exposition(const std::string& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') series_.push_back(parse_series(line));
  }
}

bool Exposition::has(const std::string& name) const {
  return std::any_of(series_.begin(), series_.end(), [&](const ExposedSeries& s) { return s.name == name; });
}

std::optional<double> Exposition::sum(const std::string& name,
                                      const std::map<std::string, std::string>& labels) const {
  std::optional<double> total;
  for (const ExposedSeries& s : series_) {
    if (s.name != name) continue;
    const bool matches = std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
      const auto it = s.labels.find(label.first);
      return it != s.labels.end() && it->second == label.second;
    });
    if (matches) total = total.value_or(0) + s.value;
  }
  return total;
}

}  // namespace tegrascope::test
