// Reads one object of a scenario file. Every key that is there must be asked for: a mistyped one is no default.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simulator/virtual/scenario.hpp"

namespace tegrascope::simulator {

// Throws std::invalid_argument that names the key, what is wrong with it and what is allowed.
class Section {
 public:
  using json = nlohmann::json;

  Section(const json& object, std::string name) : object_(object), name_(std::move(name)) {
    if (!object_.is_object()) fail(name_, "must be an object");
  }

  void number(const char* key, double& out, double low = 0, double high = 1e15) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number()) fail(path(key), "must be a number");
    out = value->get<double>();
    if (!(out >= low && out <= high)) fail(path(key), fmt::format("must be from {} to {}", low, high));
  }
  template <class Integer>
  void integer(const char* key, Integer& out, std::int64_t low = 0, std::int64_t high = 1'000'000'000) {
    double value = static_cast<double>(out);
    number(key, value, static_cast<double>(low), static_cast<double>(high));
    out = static_cast<Integer>(value);
    if (static_cast<double>(out) != value) fail(path(key), "must be a whole number");
  }
  void flag(const char* key, bool& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) fail(path(key), "must be true or false");
    out = value->get<bool>();
  }
  void text(const char* key, std::string& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) fail(path(key), "must be a text");
    out = value->get<std::string>();
  }
  void range(const char* key, Range& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    const auto bad = [&] { fail(path(key), "must be a number or [lowest, highest], not below 0"); };
    if (value->is_number()) {
      out.low = out.high = value->get<double>();
    } else if (value->is_array() && value->size() == 2 && (*value)[0].is_number() &&
               (*value)[1].is_number()) {
      out = {(*value)[0].get<double>(), (*value)[1].get<double>()};
    } else {
      bad();
    }
    if (out.low < 0 || out.high < out.low) bad();
  }
  template <class Enum>
  void word(const char* key, Enum& out, std::initializer_list<std::pair<const char*, Enum>> words) {
    std::string given;
    text(key, given);
    if (given.empty()) return;
    std::string all;
    for (const auto& [name, value] : words) {
      if (given == name) {
        out = value;
        return;
      }
      all += (all.empty() ? "" : ", ") + std::string(name);
    }
    fail(path(key), fmt::format("'{}' is unknown: one of {}", given, all));
  }
  // As above; what is not in the file stays absent.
  void optional_number(const char* key, std::optional<double>& out, double low = 0, double high = 1e15) {
    double value = 0;
    if (!object_.contains(key)) {
      asked_.insert(key);
      return;
    }
    number(key, value, low, high);
    out = value;
  }
  void optional_integer(const char* key, std::optional<int>& out) {
    if (!object_.contains(key)) {
      asked_.insert(key);
      return;
    }
    int value = 0;
    integer(key, value);
    out = value;
  }
  void optional_flag(const char* key, std::optional<bool>& out) {
    bool value = false;
    flag(key, value);
    if (object_.contains(key)) out = value;
  }
  void optional_text(const char* key, std::optional<std::string>& out) {
    std::string value;
    text(key, value);
    if (object_.contains(key)) out = value;
  }
  template <class Enum>
  void optional_word(const char* key, std::optional<Enum>& out,
                     std::initializer_list<std::pair<const char*, Enum>> words) {
    Enum value{};
    word(key, value, words);
    if (object_.contains(key)) out = value;
  }
  // One text or a list of them, each of `allowed`; empty: any.
  void texts(const char* key, std::vector<std::string>& out, std::initializer_list<std::string> allowed) {
    const json* value = find(key);
    if (value == nullptr) return;
    out.clear();
    const json given = value->is_array() ? *value : json::array({*value});
    for (const json& item : given) {
      if (!item.is_string()) fail(path(key), "must be a text or a list of texts");
      out.push_back(item.get<std::string>());
      bool known = allowed.size() == 0;
      std::string all;
      for (const std::string& word : allowed) {
        known = known || word == out.back();
        all += (all.empty() ? "" : ", ") + word;
      }
      if (!known) fail(path(key), fmt::format("'{}' is unknown: one of {}", out.back(), all));
    }
  }
  template <class Read>
  void list(const char* key, Read read) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) fail(path(key), "must be a list");
    for (std::size_t i = 0; i < value->size(); ++i) read((*value)[i], fmt::format("{}[{}]", path(key), i));
  }
  template <class Read>
  void section(const char* key, Read read) {
    const json* value = find(key);
    if (value == nullptr) return;
    Section inner(*value, path(key));
    read(inner);
    inner.done();
  }
  void done() const {
    for (const auto& [key, value] : object_.items()) {
      if (asked_.count(key) != 0) continue;
      std::string all;
      for (const std::string& name : asked_) all += (all.empty() ? "" : ", ") + name;
      fail(path(key), "is unknown: the keys here are " + all);
    }
  }

  [[noreturn]] static void fail(const std::string& where, const std::string& what) {
    throw std::invalid_argument(fmt::format("{}: {}", where, what));
  }

 private:
  const json* find(const char* key) {
    asked_.insert(key);
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  std::string path(const std::string& key) const { return name_.empty() ? key : name_ + "." + key; }

  const json& object_;
  std::string name_;
  std::set<std::string> asked_;
};

}  // namespace tegrascope::simulator
