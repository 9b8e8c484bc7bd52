#include "agent/cli/replay.hpp"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

#include "agent/recording/decoder.hpp"
#include "agent/recording/replay_report.hpp"

namespace tegrascope {

int replay_file(const std::string& file, bool json, const std::string& command) {
  std::ifstream in(file);
  if (!in) {
    std::cerr << command << ": " << file << ": " << std::generic_category().message(errno)
              << "; name a recording of tegrascope\n";
    return 2;
  }
  try {
    const Replay result = replay(in, file);
    std::cout << (json ? to_json(result) + "\n" : to_text(result)) << std::flush;
    for (const std::string& problem : result.problems) std::cerr << command << ": " << problem << '\n';
    if (result.problem_count > result.problems.size())
      std::cerr << command << ": and " << result.problem_count - result.problems.size() << " more\n";
    return is_sound(result) && std::cout ? 0 : 1;
  } catch (const RecordingError& e) {
    std::cerr << command << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
