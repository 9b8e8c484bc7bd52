// What the commands that print JSON share: fields that are left out when there is nothing to say, a document a
// line, and the exit code of a filter.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/model/time.hpp"

namespace tegrascope {

using Json = nlohmann::ordered_json;  // fields in the order in which they were put

template <class T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}
void put(Json& object, const char* key, const std::string& text);  // empty: left out
void put_seconds(Json& object, const char* key, const std::optional<Nanoseconds>& duration);

// With its newline. Bytes that are no UTF-8 become U+FFFD.
std::string json_line(const Json& json);

// Flushes `out`. 0, or 1 after a message of tegrascope decode on standard error when one of the two failed.
int exit_code_of_decode(const std::istream& in, std::ostream& out);

}  // namespace tegrascope
