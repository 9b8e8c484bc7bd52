// Fields of a line as values. Throws nlohmann's exceptions where one is missing or of another type.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "agent/model/time.hpp"
#include "agent/recording/words_read.hpp"

namespace tegrascope {

using Json = nlohmann::json;

template <class T>
void get(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, Nanoseconds>) {
    value = Nanoseconds(json.get<std::int64_t>());
  } else if constexpr (std::is_same_v<T, MonotonicTime> || std::is_same_v<T, WallTime>) {
    value = T(Nanoseconds(json.get<std::int64_t>()));
  } else if constexpr (std::is_same_v<T, double>) {
    value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
  } else {
    value = json.get<T>();
  }
}
template <class T>
void get(const Json& json, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
  } else {
    get(json, value.emplace());
  }
}

template <class T>
void get(const Json& line, const char* key, T& value) {
  get(line.at(key), value);
}
template <class T>
void get_if(const Json& line, const char* key, T& value) {
  const auto found = line.find(key);
  if (found != line.end()) get(*found, value);
}

// The elements of an array in order; more than are asked for are of a newer agent.
template <class... T>
void get_list(const Json& list, T&... values) {
  std::size_t i = 0;
  (get(list.at(i++), values), ...);
}

template <class Word>
void get_word(const Json& line, const char* key, Word& value) {
  value = read_word<Word>(line.at(key).get_ref<const std::string&>());
}

}  // namespace tegrascope
