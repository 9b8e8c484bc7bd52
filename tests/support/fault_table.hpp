// Which series each file of the fixture orin-nano-r36 makes: those may be lost or change with the file, and no other.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope::test {

// Signal, instance and kind; a process has its pid as its instance.
using SeriesKey = std::tuple<int, std::string, std::string>;
inline constexpr int kProcessSeries = -1;
using SeriesValues = std::map<SeriesKey, double>;

void add_values(const Batch& batch, SeriesValues& values);

// Some series; where instance or kind is empty, all of them.
struct MadeSeries {
  int signal = 0;
  std::string instance{};
  std::string kind{};
};
bool holds(const std::vector<MadeSeries>& made, const SeriesKey& key);

// `file`: relative to `root`, the fixture's tree, whole. Nothing: a file that no collector needs.
std::vector<MadeSeries> made_of(const std::string& file, const std::filesystem::path& root);

// Any text is a good one there.
bool is_free_text(const std::string& file);

}  // namespace tegrascope::test
