// Reads the few fields of a request body that matter here while it passes: no tree, no copy of prompts,
// memory bounded whatever comes, strings (base64 images) skipped at the speed of memchr. Fields are read as
// Go's encoding/json does for Ollama: keys in upper and lower case alike (but those of `options`, which is a
// map there), the last of several wins, null takes back a pointer or a map and leaves a string as it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/ollama/json_text.hpp"

namespace tegrascope {

struct RequestFields {
  std::string model;  // as the client wrote it, at most 256 bytes
  std::optional<bool> stream;
  std::string keep_alive;                   // "5m", "0", "-1"; empty when absent or no duration
  std::optional<std::int64_t> num_gpu;      // options.num_gpu
  std::optional<std::int64_t> num_predict;  // options.num_predict
  std::optional<std::int64_t> num_ctx;      // options.num_ctx
  std::optional<bool> include_usage;        // stream_options.include_usage
};

class BodyScanner {
 public:
  // The next piece of the body; pieces may end anywhere.
  void feed(std::string_view bytes);

  // What has been read so far.
  const RequestFields& fields() const { return fields_; }
  // The text was no JSON object; nothing more will be read.
  bool gave_up() const { return state_ == State::bad; }
  // The object is complete.
  bool complete() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    start,        // before the opening brace
    key_or_end,   // behind '{' or ','
    key,          // within a key
    colon,        // behind a key
    value,        // behind ':'
    string,       // within a string value
    scalar,       // within a number, true, false or null
    after_value,  // behind a value
    skip,         // within an array or object that does not matter
    skip_string,  // within a string there
    done,
    bad
  };
  enum class Section : std::uint8_t { top, options, stream_options };

  // Takes bytes up to the closing quote; false when the string goes on in the next piece.
  bool take_string(std::string_view& bytes, bool keep);
  // Takes bytes up to a string or the end of the value that is skipped.
  void take_skipped(std::string_view& bytes);
  bool key_is(std::string_view name) const;
  void step(char c);
  void begin_value(char c);
  void after_value(char c);
  void store(bool is_string);

  RequestFields fields_;
  State state_ = State::start;
  Section section_ = Section::top;
  std::uint64_t skip_depth_ = 0;  // brackets open within a value that is skipped
  bool escaped_ = false;          // the last byte of the current string was a backslash
  bool wanted_ = false;           // the current value is one of RequestFields
  JsonText key_;
  JsonText text_;  // the current value, when wanted
};

}  // namespace tegrascope
