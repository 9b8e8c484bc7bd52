#include "agent/cli/json_lines.hpp"

#include <iostream>

namespace tegrascope {

void put(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

void put_seconds(Json& object, const char* key, const std::optional<Nanoseconds>& duration) {
  if (duration) object[key] = to_seconds(*duration);
}

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

int exit_code_of_decode(const std::istream& in, std::ostream& out) {
  out.flush();
  if (!in.bad() && out) return 0;
  std::cerr << "tegrascope decode: "
            << (in.bad() ? "the input cannot be read: name a regular file, or - for standard input\n"
                         : "the output cannot be written: is the disk full, or its reader gone?\n");
  return 1;
}

}  // namespace tegrascope
