// What a text decodes to, for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/log/log_decoder.hpp"
#include "collectors/ollama/log/log_summary.hpp"

namespace tegrascope::test {

inline std::vector<LogEvent> decoded(std::string_view text) {
  std::vector<LogEvent> events;
  LogLines lines;
  LogDecoder decoder;
  const auto decode = [&](std::string_view line) {
    decoder.decode(line, [&](LogEvent&& event) { events.push_back(std::move(event)); });
  };
  lines.feed(text, decode);
  lines.finish(decode);
  return events;
}

template <class Event>
std::vector<Event> decoded_as(std::string_view text) {
  std::vector<Event> events;
  for (const LogEvent& event : decoded(text)) {
    if (const auto* known = std::get_if<Event>(&event)) events.push_back(*known);
  }
  return events;
}

inline LogSummary summarized(std::string_view text) {
  LogSummarizer summarizer;
  for (const LogEvent& event : decoded(text)) summarizer.add(event);
  return summarizer.summary();
}

}  // namespace tegrascope::test
