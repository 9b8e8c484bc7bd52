#include "simulator/virtual/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "simulator/virtual/section.hpp"

namespace tegrascope::simulator {
namespace {

using nlohmann::json;

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
  s.optional_integer("num_gpu", group.num_gpu);
  s.integer("tokens_per_chunk", group.tokens_per_chunk, 1, 16);
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
  s.number("slows", job.slows, 0.01, 1);
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
          {"board", std::string("board")},
          {"all", std::string("all")}});
  s.word("kind", fault.kind,
         {{"missing", SensorFaultKind::missing},
          {"frozen", SensorFaultKind::frozen},
          {"silent", SensorFaultKind::silent},
          {"stuck", SensorFaultKind::stuck}});
  s.number("value", fault.value, 0, 1);
  s.done();
  if (fault.kind == SensorFaultKind::stuck && fault.sensor != "gpu")
    Section::fail(name + ".kind", "stuck is for sensor gpu only; frozen holds the last value of any");
  return fault;
}

ScenarioChange read_change(const json& object, const std::string& name) {
  Section s(object, name);
  ScenarioChange change;
  s.number("at_s", change.at_seconds);
  s.word("restart", change.restart, {{"runner", Restart::runner}, {"ollama", Restart::ollama}});
  s.text("model", change.model);
  if (!change.model.empty()) check_model(name + ".model", change.model);
  s.optional_word("placement", change.placement,
                  {{"gpu", Placement::gpu}, {"partial", Placement::partial}, {"cpu", Placement::cpu}});
  s.optional_number("gpu_fraction", change.gpu_fraction, 0, 1);
  s.optional_number("declared_share", change.declared_share, 0, 1);
  s.optional_number("logged_share", change.logged_share, 0, 1);
  s.optional_flag("asked_for_cpu", change.asked_for_cpu);
  s.optional_number("rate", change.rate, 0.01, 10);
  s.optional_number("gpu_load", change.gpu_load, 0, 1);
  s.optional_number("gpu_cores", change.gpu_cores, 0, 6);
  s.optional_word("prompt", change.prompt, {{"gpu", Placement::gpu}, {"cpu", Placement::cpu}});
  s.optional_text("version", change.version);
  s.optional_number("gpu_speed", change.gpu_speed, 0.01, 10);
  s.optional_number("cpu_speed", change.cpu_speed, 0.01, 10);
  s.optional_number("gpu_hertz", change.gpu_hertz, 1e6, 1e10);
  s.optional_integer("power_mode", change.power_mode);
  s.optional_flag("throttled", change.throttled);
  s.optional_number("swap_in_bytes_per_second", change.swap_in_bytes_per_second);
  s.optional_number("stalled_share", change.stalled_share, 0, 1);
  s.done();
  return change;
}

void read_outcome(Section& s, Expectation& out) {
  s.texts("placement", out.placement, {"gpu", "partial", "cpu", "none", "truth"});
  s.texts("verdicts", out.verdicts, {"gpu", "partial", "cpu", "unknown", "truth"});
  s.texts("any_verdicts", out.any_verdicts, {"gpu", "partial", "cpu", "unknown"});
  s.texts("reasons", out.reasons, {});
  s.integer("detect_within", out.detect_within, 0, 1000);
  s.integer("clear_within", out.clear_within, 0, 1000);
  s.flag("alarm", out.alarm);
  s.flag("at_load", out.at_load);
  s.texts("flags", out.flags, {});
  s.range("gpu_share", out.gpu_share);
}

// What stands in `expect` itself holds for both; what stands in `unprivileged` or `all` goes before it.
void read_expectation(Section& s, VirtualScenario& out) {
  PlacementExpectation& expect = out.expect.emplace();
  s.integer("row", expect.row, 1, 1000);
  s.text("title", expect.title);
  s.text("lacks", expect.lacks);
  Expectation common;
  read_outcome(s, common);
  expect.unprivileged = expect.all = common;
  s.section("unprivileged", [&](Section& inner) { read_outcome(inner, expect.unprivileged); });
  s.section("all", [&](Section& inner) { read_outcome(inner, expect.all); });
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
  s.word("runner", out.runner,
         {{"llama-server", RunnerSort::llama_server}, {"ollama", RunnerSort::ollama_runner}});
  s.flag("reuse_pid", out.reuse_pid);
  s.flag("log_readable", out.log_readable);
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
  s.section("witness", [&](Section& witness) {
    witness.number("jitter_ms", out.jitter_ms, 0, 1000);
    witness.flag("relayed", out.relayed);
    witness.number("agent_starts_s", out.agent_starts);
  });
  s.list("traffic",
         [&](const json& item, const std::string& name) { out.traffic.push_back(read_group(item, name)); });
  s.list("foreign",
         [&](const json& item, const std::string& name) { out.foreign.push_back(read_foreign(item, name)); });
  s.list("faults",
         [&](const json& item, const std::string& name) { out.faults.push_back(read_fault(item, name)); });
  s.list("changes",
         [&](const json& item, const std::string& name) { out.changes.push_back(read_change(item, name)); });
  s.section("expect", [&](Section& expect) { read_expectation(expect, out); });
  s.done();
  std::stable_sort(out.changes.begin(), out.changes.end(),
                   [](const auto& a, const auto& b) { return a.at_seconds < b.at_seconds; });
  return out;
}

VirtualScenario read_scenario(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream in(file);
  if (in.is_open()) in.peek();  // a directory can be opened, and not read
  if (in.bad() || !in.is_open()) {
    throw std::runtime_error(fmt::format("cannot read the scenario {}: {}", file.string(),
                                         std::generic_category().message(errno == 0 ? EIO : errno)));
  }
  std::ostringstream text;
  text << in.rdbuf();
  try {
    return parse_scenario(text.str());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("scenario {}: {}", file.string(), error.what()));
  }
}

}  // namespace tegrascope::simulator
