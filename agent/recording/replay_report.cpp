#include "agent/recording/replay_report.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

using nlohmann::ordered_json;

double joules(std::int64_t nj) { return static_cast<double>(nj) * 1e-9; }

Amounts sum_of(const RequestRecord& record) {
  Amounts sum;
  for (const auto& [phase, amounts] : record.phase_amounts) sum += amounts;
  return sum;
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json request_json(const RequestRecord& r, MonotonicTime began) {
  ordered_json out;
  out["id"] = r.id;
  out["witness"] = to_string(r.witness);
  out["server"] = r.server;
  out["model"] = r.model;
  out["endpoint"] = r.endpoint;
  out["outcome"] = to_string(r.outcome);
  out["status"] = r.status_code;
  out["started_seconds"] = to_seconds(r.started - began);
  out["ended_seconds"] = to_seconds(r.ended - began);
  out["prompt_tokens"] = or_null(r.prompt_tokens);
  out["output_tokens"] = or_null(r.output_tokens);
  out["placement"] = to_string(r.verdict.placement);
  out["probability"] = r.verdict.probability;
  out["flags"] = r.verdict.flags;
  out["evidence"] = r.verdict.explanation;
  auto& phases = out["phases"] = ordered_json::object();
  for (const auto& [phase, time] : r.phase_time)
    phases[std::string(to_string(phase))]["seconds"] = to_seconds(time);
  for (const auto& [phase, a] : r.phase_amounts) {
    ordered_json& p = phases[std::string(to_string(phase))];
    p["energy_nj"] = a.energy_nj;
    p["idle_energy_nj"] = a.idle_energy_nj;
    p["gpu_busy_ns"] = a.gpu_busy_ns;
    p["cpu_ns"] = a.cpu_ns;
  }
  out["energy_joules"] = r.energy_known ? ordered_json(joules(sum_of(r).energy_nj)) : ordered_json(nullptr);
  out["reasons"] = r.reasons;
  return out;
}

ordered_json event_json(const Event& e, MonotonicTime began) {
  ordered_json out;
  out["kind"] = to_string(e.kind);
  if (e.wall) out["time"] = utc_text(*e.wall);
  out["at_seconds"] = to_seconds(e.at - began);
  out["server"] = e.server;
  out["model"] = e.model;
  out["reason"] = to_string(e.reason);
  out["cure"] = e.cure;
  out["text"] = e.text;
  return out;
}

ordered_json ledger_json(const Snapshot& snapshot) {
  const LedgerView& l = snapshot.ledger;
  ordered_json out;
  out["energy_known"] = l.energy_known;
  out["gpu_known"] = l.gpu_known;
  out["measured_energy_nj"] = l.measured_energy_nj;
  out["pending_energy_nj"] = l.pending_energy_nj;
  out["measured_gpu_busy_ns"] = l.measured_gpu_busy_ns;
  out["pending_gpu_busy_ns"] = l.pending_gpu_busy_ns;
  for (const auto& [reason, nj] : l.unattributed_energy_nj)
    out["unattributed_energy_nj"][std::string(to_string(reason))] = nj;
  for (const auto& [reason, ns] : l.unattributed_gpu_busy_ns)
    out["unattributed_gpu_busy_ns"][std::string(to_string(reason))] = ns;
  auto& models = out["models"] = ordered_json::array();
  for (const ModelView& view : snapshot.models) {
    ordered_json m;
    m["server"] = view.server;
    m["model"] = view.model;
    m["placement"] = view.placement ? ordered_json(to_string(*view.placement)) : ordered_json(nullptr);
    Amounts sum;
    for (const auto& [phase, amounts] : view.attributed) sum += amounts;
    m["energy_nj"] = sum.energy_nj;
    m["idle_energy_nj"] = sum.idle_energy_nj;
    m["gpu_busy_ns"] = sum.gpu_busy_ns;
    m["cpu_ns"] = sum.cpu_ns;
    m["input_tokens"] = view.input_tokens;
    m["output_tokens"] = view.output_tokens;
    models.push_back(std::move(m));
  }
  return out;
}

ordered_json run_json(const ReplayedRun& run) {
  const MonotonicTime began = run.began.monotonic;
  ordered_json out;
  out["program"] = run.head.program;
  out["began"] = utc_text(run.began.wall);
  out["seconds"] = to_seconds(run.ended - began);
  out["partial"] = run.head.partial;
  out["ended"] = !run.end ? "cut" : run.end->why == RecordingEnd::Why::full ? "full" : "stopped";
  out["lost_records"] = run.lost;
  auto& requests = out["requests"] = ordered_json::array();
  for (const RequestRecord& record : run.requests) requests.push_back(request_json(record, began));
  auto& events = out["events"] = ordered_json::array();
  for (const Event& event : run.events) events.push_back(event_json(event, began));
  out["ledger"] = ledger_json(*run.last);
  out["conserved"] = run.balanced;
  out["live"] = {
      {"requests", run.compared}, {"differing", run.differing}, {"same_ledger", or_null(run.same_ledger)}};
  return out;
}

std::string cell(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string request_row(const RequestRecord& r, MonotonicTime began) {
  const auto decode = r.phase_time.find(Phase::decode);
  std::optional<double> rate;
  if (r.output_tokens && decode != r.phase_time.end() && decode->second.count() > 0)
    rate = static_cast<double>(*r.output_tokens) / to_seconds(decode->second);
  std::optional<double> gpu;
  if (r.decode.gpu_load_ratio) gpu = *r.decode.gpu_load_ratio * 100;
  const std::string energy = r.energy_known ? fmt::format("{:.2f}", joules(sum_of(r).energy_nj)) : "-";
  std::string reasons;
  for (const std::string& reason : r.reasons) reasons += (reasons.empty() ? "" : ",") + reason;
  return fmt::format("{:>8.1f}  {:<20} {:<8} {:<9} {:<16} {:>7} {:>6} {:>6} {:>9}  {}\n",
                     to_seconds(r.ended - began), r.model, to_string(r.verdict.placement),
                     to_string(r.witness), to_string(r.outcome), cell(rate, 2), cell(gpu, 0),
                     cell(r.decode.runner_cores, 1), energy, reasons);
}

std::string ledger_text(const Snapshot& snapshot) {
  const LedgerView& l = snapshot.ledger;
  if (!l.energy_known) return "books: no power was measured\n";
  std::int64_t attributed = 0;
  for (const ModelView& view : snapshot.models)
    for (const auto& [phase, amounts] : view.attributed) attributed += amounts.energy_nj;
  std::string out = fmt::format("books: {:.3f} J measured = {:.3f} requests", joules(l.measured_energy_nj),
                                joules(attributed));
  for (const auto& [reason, nj] : l.unattributed_energy_nj)
    out += fmt::format(" + {:.3f} {}", joules(nj), to_string(reason));
  return out + fmt::format(" + {:.3f} pending\n", joules(l.pending_energy_nj));
}

std::string run_text(const ReplayedRun& run) {
  const MonotonicTime began = run.began.monotonic;
  std::string out = fmt::format("{} for {:.1f} s, tegrascope {}{}\n", utc_text(run.began.wall),
                                to_seconds(run.ended - began), run.head.program,
                                run.head.partial ? ", the last minutes of a longer run"
                                : !run.end       ? ", cut"
                                                 : "");
  if (run.lost > 0) out += fmt::format("{} records are missing: the disk was too slow\n", run.lost);
  if (!run.requests.empty()) {
    out += fmt::format("{:>8}  {:<20} {:<8} {:<9} {:<16} {:>7} {:>6} {:>6} {:>9}  {}\n", "end s", "model",
                       "ran on", "witness", "outcome", "token/s", "GPU %", "cores", "joules", "notes");
  }
  for (const RequestRecord& record : run.requests) out += request_row(record, began);
  for (const Event& event : run.events) {
    out += fmt::format("{:>8.1f}  {}{}{}{} {}", to_seconds(event.at - began), to_string(event.kind),
                       event.server.empty() ? "" : " ", event.server,
                       event.model.empty() ? "" : " " + event.model, event.text);
    if (event.reason != ReasonClass::none) out += fmt::format(" (reason {})", to_string(event.reason));
    if (!event.cure.empty()) out += "; type: " + event.cure;
    out += '\n';
  }
  out += ledger_text(*run.last);
  if (!run.balanced) out += "books DO NOT BALANCE\n";
  if (run.compared > 0)
    out += fmt::format("{} of {} requests as the live agent booked them\n", run.compared - run.differing,
                       run.compared);
  if (run.same_ledger == false) out += "the books differ from the live agent's\n";
  return out;
}

}  // namespace

std::string utc_text(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     ms - static_cast<std::int64_t>(seconds) * 1000);
}

std::string to_json(const Replay& replay) {
  ordered_json out;
  auto& runs = out["runs"] = ordered_json::array();
  for (const ReplayedRun& run : replay.runs) runs.push_back(run_json(run));
  out["problems"] = replay.problems;
  out["problem_count"] = replay.problem_count;
  return out.dump(1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string to_text(const Replay& replay) {
  std::string out;
  for (const ReplayedRun& run : replay.runs) out += run_text(run);
  return out;
}

}  // namespace tegrascope
