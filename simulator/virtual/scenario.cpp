#include "simulator/virtual/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

namespace tegrascope::simulator {
namespace {

using nlohmann::json;

// One object of the file. Every key that is there must have been asked for: a mistyped one is no default.
class Section {
 public:
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

void check_model(const std::string& where, const std::string& name) {
  if (find_model(name) != nullptr) return;
  std::string all;
  for (const SimulatedModel& model : simulated_models()) all += (all.empty() ? "" : ", ") + model.name;
  Section::fail(where, fmt::format("model '{}' is unknown: one of {}", name, all));
}

TrafficGroup read_group(const json& object, const std::string& name) {
  Section s(object, name);
  TrafficGroup group;
  s.text("model", group.model);
  check_model(name + ".model", group.model);
  s.word("api", group.api,
         {{"chat", Api::chat},
          {"generate", Api::generate},
          {"openai", Api::openai},
          {"embed", Api::embed},
          {"load", Api::load}});
  s.flag("streamed", group.streamed);
  s.number("per_hour", group.per_hour, 0, 1e6);
  s.integer("users", group.users, 0, 100);
  s.range("pause_s", group.pause_seconds);
  s.range("prompt_tokens", group.prompt_tokens);
  s.range("output_tokens", group.output_tokens);
  s.range("cached_share", group.cached_share);
  s.number("cancelled_share", group.cancelled_share, 0, 1);
  s.number("from_s", group.from_seconds);
  s.number("until_s", group.until_seconds);
  s.integer("count", group.count);
  s.done();
  if ((group.per_hour > 0) == (group.users > 0)) Section::fail(name, "needs either per_hour or users");
  if (group.cached_share.high > 1) Section::fail(name + ".cached_share", "must not be above 1");
  return group;
}

ForeignJob read_foreign(const json& object, const std::string& name) {
  Section s(object, name);
  ForeignJob job;
  s.number("at_s", job.at_seconds);
  s.number("for_s", job.for_seconds);
  s.number("cores", job.cores, 0, 6);
  s.number("gpu", job.gpu, 0, 1);
  s.number("watts", job.watts, 0, 100);
  s.done();
  return job;
}

SensorFault read_fault(const json& object, const std::string& name) {
  Section s(object, name);
  SensorFault fault;
  s.number("at_s", fault.at_seconds);
  s.number("for_s", fault.for_seconds);
  s.word("sensor", fault.sensor,
         {{"power", std::string("power")},
          {"gpu", std::string("gpu")},
          {"cpu", std::string("cpu")},
          {"processes", std::string("processes")},
          {"all", std::string("all")}});
  s.word("kind", fault.kind,
         {{"missing", SensorFaultKind::missing},
          {"frozen", SensorFaultKind::frozen},
          {"silent", SensorFaultKind::silent}});
  s.done();
  return fault;
}

void read_ollama(Section& s, VirtualScenario& out) {
  s.integer("parallel", out.parallel, 1, 12);
  s.number("disk_bytes_per_second", out.disk_bytes_per_second, 1e6, 1e11);
  s.number("memory_bytes", out.memory_bytes, 5.5e9, 1e12);
  s.number("keep_alive_s", out.keep_alive_seconds, 1);
  s.range("eviction_s", out.eviction_seconds);
  s.word("placement", out.placement,
         {{"gpu", Placement::gpu}, {"partial", Placement::partial}, {"cpu", Placement::cpu}});
  s.number("gpu_fraction", out.gpu_fraction, 0, 1);
  s.list("preload", [&](const json& item, const std::string& where) {
    if (!item.is_string()) Section::fail(where, "must be a model's name");
    check_model(where, item.get<std::string>());
    out.preload.push_back(item.get<std::string>());
  });
}

}  // namespace

VirtualScenario parse_scenario(std::string_view text) {
  json object;
  try {
    object = json::parse(text, nullptr, true, true);
  } catch (const json::parse_error& error) {
    throw std::invalid_argument(fmt::format("is not JSON: {}", error.what()));
  }
  VirtualScenario out;
  Section s(object, "");
  s.text("description", out.description);
  s.number("duration_s", out.duration_seconds, 1, 1e7);
  s.number("lead_in_s", out.lead_in_seconds);
  s.section("board", [&](Section& board) {
    board.number("ripple_watts", out.ripple_watts, 0, 20);
    board.number("leakage_per_degree", out.leakage_per_degree, 0, 0.1);
    board.number("background_cores", out.background_cores, 0, 6);
  });
  s.section("ollama", [&](Section& ollama) { read_ollama(ollama, out); });
  s.section("sensors", [&](Section& sensors) {
    sensors.number("rate_hz", out.rate_hz, 0.1, 100);
    sensors.integer("averaging_samples", out.averaging_samples, 1, 1024);
    sensors.number("noise_watts", out.noise_watts, 0, 5);
    sensors.number("gain", out.gain, -0.1, 0.1);
    sensors.number("offset_watts", out.offset_watts, -1, 1);
  });
  s.section("witness", [&](Section& witness) { witness.number("jitter_ms", out.jitter_ms, 0, 1000); });
  s.list("traffic",
         [&](const json& item, const std::string& name) { out.traffic.push_back(read_group(item, name)); });
  s.list("foreign",
         [&](const json& item, const std::string& name) { out.foreign.push_back(read_foreign(item, name)); });
  s.list("faults",
         [&](const json& item, const std::string& name) { out.faults.push_back(read_fault(item, name)); });
  s.done();
  return out;
}

VirtualScenario read_scenario(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.good() && text.empty())
    throw std::runtime_error(fmt::format("cannot read the scenario {}", file.string()));
  try {
    return parse_scenario(text);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("scenario {}: {}", file.string(), error.what()));
  }
}

}  // namespace tegrascope::simulator
