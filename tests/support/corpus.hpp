// Real lines and answers collected elsewhere; not part of the project, so tests that read them skip without.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace tegrascope::test {

inline std::optional<std::filesystem::path> corpus_directory(const std::string& part) {
  const char* named = std::getenv("TEGRASCOPE_CORPUS");
  const std::filesystem::path root =
      named != nullptr ? std::filesystem::path(named)
                       : std::filesystem::path(TEGRASCOPE_SOURCE_DIR) / ".." / "shared" / "corpus";
  if (!std::filesystem::is_directory(root / part)) return std::nullopt;
  return root / part;
}

}  // namespace tegrascope::test
