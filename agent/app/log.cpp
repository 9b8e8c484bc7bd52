#include "agent/app/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

std::atomic<bool> json_lines{false};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// As Prometheus programs spell them.
std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

// Escaped as JSON; bytes that are no UTF-8 become U+FFFD.
void append_quoted(std::string& out, std::string_view text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_value(std::string& out, std::string_view value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
  if (plain) {
    out += value;
  } else {
    append_quoted(out, value);
  }
}

}  // namespace

void configure_log(std::string_view level, std::string_view format) {
  json_lines = format == "json";
  auto logger = spdlog::stderr_logger_mt("tegrascope");
  logger->set_pattern(json_lines ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ",%v})" : "ts=%Y-%m-%dT%H:%M:%S.%eZ %v",
                      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  set_log_level(level);
}

void set_log_level(std::string_view level) { spdlog::set_level(spdlog::level::from_str(std::string(level))); }

bool is_logged(LogLevel level) { return spdlog::should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!is_logged(level)) return;
  std::string line;
  if (json_lines) {
    line = "\"level\":\"" + std::string(name_of(level)) + "\",\"msg\":";
    append_quoted(line, message);
    for (const auto& [key, value] : fields) {
      line += ",\"";
      line += key;
      line += "\":";
      append_quoted(line, value);
    }
  } else {
    line = "level=" + std::string(name_of(level)) + " msg=";
    append_value(line, message);
    for (const auto& [key, value] : fields) {
      line += ' ';
      line += key;
      line += '=';
      append_value(line, value);
    }
  }
  spdlog::log(to_spdlog(level), "{}", line);
}

}  // namespace tegrascope
