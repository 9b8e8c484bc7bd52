// Which files each collector reads and what it makes of them: for whoever tells the user where a figure comes from, or
// what is lost with a file. The collectors do not use it; a test compares it with what they do.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

struct SourceFile {
  std::string_view collector;
  std::string_view pattern;  // the last components of the path; * stands for any characters but '/'
  std::vector<Signal> signals;
};

const std::vector<SourceFile>& source_files();

// What the collector makes of that file; empty for files that only lead to others.
std::vector<Signal> signals_made_of(std::string_view collector, const std::filesystem::path& file);

// All that the collector can give, in the order of the table.
std::vector<Signal> signals_of(std::string_view collector);

// True when the last components of the path look like the pattern.
bool ends_like(std::string_view path, std::string_view pattern);

}  // namespace tegrascope
