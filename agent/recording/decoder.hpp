// Lines of a recording as records. One thread.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "agent/recording/record.hpp"

namespace tegrascope {

// What is wrong with a line, without file and number.
class RecordingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// Its kind or one of its words is not known here: a newer agent wrote it. The other lines make sense without it.
class UnknownRecord : public RecordingError {
 public:
  using RecordingError::RecordingError;
};
// The whole recording is of a version that this program does not know.
class NewerRecording : public RecordingError {
 public:
  using RecordingError::RecordingError;
};

class RecordDecoder {
 public:
  // Absent: the line only prepared what follows (a series). Unknown fields are ignored. Throws RecordingError.
  std::optional<Record> decode(std::string_view line);

 private:
  struct Series {
    Signal signal{};
    std::string instance;
    std::string kind;
  };
  std::map<std::uint32_t, Series> series_;

  struct Lines;
};

}  // namespace tegrascope
