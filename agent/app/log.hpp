// The agent's own log on standard error: one line per change of state, logfmt or JSON. Any thread.
// Never a prompt, an answer or a client address, at any level.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tegrascope {

enum class LogLevel { debug, info, warn, error };

using LogField = std::pair<std::string_view, std::string>;

// level: debug, info, warn, error; format: logfmt, json.
void configure_log(std::string_view level, std::string_view format);
void set_log_level(std::string_view level);
// Whether lines of this level are written: what makes one may be dear.
bool is_logged(LogLevel level);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::debug, m, f);
}
inline void log_info(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::info, m, f);
}
inline void log_warn(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::warn, m, f);
}
inline void log_error(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::error, m, f);
}

}  // namespace tegrascope
