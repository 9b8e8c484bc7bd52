#include "agent/accuracy/report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/model/words.hpp"

namespace tegrascope::accuracy {
namespace {

using nlohmann::ordered_json;

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::string api_name(simulator::Api api) {
  switch (api) {
    case simulator::Api::chat:
      return "chat";
    case simulator::Api::generate:
      return "generate";
    case simulator::Api::openai:
      return "openai";
    case simulator::Api::embed:
      return "embed";
    case simulator::Api::load:
      return "load";
  }
  return "";
}

// Joules.
ordered_json interval_json(const Answer& answer) {
  if (!answer.record || !answer.record->energy_interval_nj) return nullptr;
  const auto& [low, high] = *answer.record->energy_interval_nj;
  return {static_cast<double>(low) * 1e-9, static_cast<double>(high) * 1e-9};
}

ordered_json request_json(const Answer& answer) {
  ordered_json out;
  const simulator::VirtualRequest& truth = answer.truth;
  out["id"] = truth.id;
  out["model"] = truth.model;
  out["api"] = api_name(truth.api);
  out["streamed"] = truth.streamed;
  out["cancelled"] = truth.cancelled;
  out["loaded"] = truth.loaded;
  out["at_seconds"] = to_seconds(truth.received.time_since_epoch());
  out["total_seconds"] = to_seconds(truth.ended - truth.received);
  out["decode_seconds_true"] = decode_seconds_true(answer);
  out["most_at_once"] = truth.most_at_once;
  out["energy_joules_true"] = energy_joules_true(answer);
  out["energy_joules"] = or_null(energy_joules(answer));
  out["marginal_joules_true"] = marginal_joules_true(answer);
  out["marginal_joules"] = or_null(marginal_joules(answer));
  out["interval"] = interval_json(answer);
  out["quality"] =
      answer.record ? ordered_json(std::string(1, answer.record->quality)) : ordered_json(nullptr);
  out["solo_joules_true"] = truth.solo_joules;
  out["solo_joules"] = answer.record ? or_null(answer.record->solo_joules) : ordered_json(nullptr);
  out["batch_discount"] = or_null(batch_discount(answer));
  out["gpu_busy_seconds_true"] = gpu_busy_seconds_true(answer);
  out["gpu_busy_seconds"] = answer.record ? ordered_json(gpu_busy_seconds(answer)) : ordered_json(nullptr);
  out["placement"] = answer.record ? ordered_json(std::string(to_string(answer.record->verdict.placement)))
                                   : ordered_json(nullptr);
  out["flags"] = answer.record ? ordered_json(answer.record->reasons) : ordered_json::array();
  return out;
}

ordered_json errors_json(const ErrorStats& stats) {
  return {{"count", stats.count}, {"p50", stats.p50}, {"p95", stats.p95}, {"bias", stats.bias}};
}

ordered_json class_json(const ClassStats& stats) {
  return {{"energy_error", errors_json(stats.energy)},
          {"marginal_error", errors_json(stats.marginal)},
          {"unflagged", stats.unflagged}};
}

ordered_json summary_json(const Summary& s) {
  ordered_json out;
  out["count"] = s.requests;
  out["missing"] = s.missing;
  out["faulted"] = s.faulted;
  out["energy_error_p50"] = s.all.energy.p50;
  out["energy_error_p95"] = s.all.energy.p95;
  out["coverage_95"] = or_null(s.coverage_95);
  out["interval_half_width_p50"] = s.interval_width;
  ordered_json& qualities = out["qualities"] = ordered_json::object();
  for (const char quality : kQualities) {
    const auto count = s.qualities.find(quality);
    qualities[std::string(1, quality)] = count == s.qualities.end() ? 0 : count->second;
  }
  out["conserved"] = s.conserved;
  out["alone"] = class_json(s.all);
  out["alone_decode_2s"] = class_json(s.decode_2s);
  out["alone_decode_5s"] = class_json(s.decode_5s);
  out["shared_energy_error"] = errors_json(s.shared);
  out["shared_solo_error"] = errors_json(s.solo);
  out["gpu_busy_error"] = errors_json(s.gpu_busy);
  out["shorter_than_a_sample"] = {
      {"count", s.shorter}, {"unflagged", s.shorter_unflagged}, {"sum_error", or_null(s.shorter_sum_error)}};
  out["board_energy_error"] = s.board_error;
  out["idle_watts_error"] = or_null(s.idle_error);
  return out;
}

std::string class_line(const char* name, const ClassStats& stats) {
  if (stats.energy.count == 0) return "";
  return fmt::format(
      "  {:<22} {:>6} requests  energy p50 {:.2f} %, p95 {:.2f} %, bias {:+.2f} %  above idle p95 {:.2f} %\n",
      name, stats.energy.count, stats.energy.p50 * 100, stats.energy.p95 * 100, stats.energy.bias * 100,
      stats.marginal.p95 * 100);
}

}  // namespace

std::string to_json(const StudyResult& study, const Summary& summary) {
  ordered_json out;
  out["simulated"] = true;
  ordered_json& requests = out["requests"] = ordered_json::array();
  for (const Answer& answer : study.answers) requests.push_back(request_json(answer));
  out["summary"] = summary_json(summary);
  out["cost"] = {{"analysis_cpu_seconds_per_hour", summary.cpu_seconds_per_hour}};
  return out.dump(1);
}

std::string to_text(const Summary& s) {
  std::string out = fmt::format("simulated: {} requests, {} without an answer, {} with a faulty sensor\n",
                                s.requests, s.missing, s.faulted);
  out += class_line("alone", s.all);
  out += class_line("alone, decode >= 2 s", s.decode_2s);
  out += class_line("alone, decode >= 5 s", s.decode_5s);
  if (s.shared.count > 0)
    out += fmt::format("  {:<22} {:>6} requests  from the Shapley share p50 {:.2f} %, p95 {:.2f} %\n",
                       "shared", s.shared.count, s.shared.p50 * 100, s.shared.p95 * 100);
  if (s.shorter_sum_error)
    out += fmt::format("  {:<22} {:>6} requests  sum off by {:+.2f} %, {} not flagged\n",
                       "shorter than a sample", s.shorter, *s.shorter_sum_error * 100, s.shorter_unflagged);
  if (s.coverage_95) {
    out += fmt::format("  95 % intervals hold the truth in {:.1f} % of {}; half of one p50 {:.2f} %; quality",
                       *s.coverage_95 * 100, s.intervals, s.interval_width * 100);
    for (const auto& [quality, count] : s.qualities) out += fmt::format(" {} {}", quality, count);
    out += "\n";
  }
  out += fmt::format("  books {}; board energy {:+.3f} %", s.conserved ? "balance exactly" : "DO NOT BALANCE",
                     s.board_error * 100);
  if (s.idle_error) out += fmt::format(", idle baseline {:+.2f} %", *s.idle_error * 100);
  out += fmt::format("; analysis takes {:.2f} s of CPU per hour\n", s.cpu_seconds_per_hour);
  return out;
}

}  // namespace tegrascope::accuracy
