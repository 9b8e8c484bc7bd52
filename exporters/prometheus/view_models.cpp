#include <string>

#include "exporters/prometheus/view_parts.hpp"

namespace tegrascope {
namespace {

template <typename Map, typename Key>
auto value_or_zero(const Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? typename Map::mapped_type{} : it->second;
}

void write_requests(const ModelView& m, FamilyWriter& out) {
  for (const auto& [key, count] : m.requests) {
    out.add(Family::requests_total, {m.server, m.model, key.first, std::to_string(key.second)},
            static_cast<double>(count));
  }
  for (const char* by : {"client", "upstream", "timeout"}) {
    out.add(Family::requests_aborted_total, {m.server, m.model, by},
            static_cast<double>(value_or_zero(m.aborted, by)));
  }
  const auto in_flight = [&](std::string_view phase, std::uint64_t count) {
    out.add(Family::requests_in_flight, {m.server, m.model, phase}, static_cast<double>(count));
  };
  in_flight("waiting", m.in_flight_waiting);
  in_flight("generating", m.in_flight_generating);
  in_flight("opaque", m.in_flight_opaque);
  for (const auto& [operation, durations] : m.duration_seconds) {
    out.add(Family::request_duration_seconds, {m.server, m.model, to_string(operation)}, durations);
  }
  out.add(Family::time_to_first_token_seconds, {m.server, m.model}, m.first_token_seconds);
  out.add(Family::inter_token_latency_seconds, {m.server, m.model}, m.inter_token_seconds);
  out.add(Family::tokens_total, {m.server, m.model, "input"}, static_cast<double>(m.input_tokens));
  out.add(Family::tokens_total, {m.server, m.model, "output"}, static_cast<double>(m.output_tokens));
}

void write_attribution(const ModelView& m, const LedgerView& ledger, FamilyWriter& out) {
  for (const Phase phase : kPhases) {
    const auto add = [&](Family family, double value) {
      out.add(family, {m.server, m.model, to_string(phase)}, value);
    };
    const Amounts amounts = value_or_zero(m.attributed, phase);
    add(Family::phase_seconds_total, seconds(value_or_zero(m.phase_ns, phase)));
    add(Family::attributed_cpu_seconds_total, seconds(amounts.cpu_ns));
    if (ledger.gpu_known) add(Family::attributed_gpu_seconds_total, seconds(amounts.gpu_busy_ns));
    if (!ledger.energy_known) continue;
    add(Family::attributed_energy_joules_total, joules(amounts.energy_nj));
    add(Family::attributed_idle_energy_joules_total, joules(amounts.idle_energy_nj));
  }
  if (!ledger.energy_known) return;
  out.add(Family::request_joules_per_output_token, {m.server, m.model}, m.joules_per_token);
  for (const char quality : kQualities) {
    out.add(Family::request_quality_total, {m.server, m.model, std::string_view(&quality, 1)},
            static_cast<double>(value_or_zero(m.qualities, quality)));
  }
}

void write_roofline(const ModelView& m, FamilyWriter& out) {
  const RooflineSums& sums = m.roofline;
  out.add(Family::decode_impossible_total, {m.server, m.model}, static_cast<double>(sums.impossible));
  if (sums.requests == 0) return;
  out.add(Family::decode_read_bytes_total, {m.server, m.model}, sums.bytes);
  out.add(Family::decode_read_seconds_total, {m.server, m.model}, to_seconds(sums.time));
  if (sums.peak_bytes > 0)
    out.add(Family::decode_read_peak_bytes_total, {m.server, m.model}, sums.peak_bytes);
}

void write_placement(const ModelView& m, FamilyWriter& out) {
  out.add(Family::model_gpu_expected, {m.server, m.model}, m.gpu_expected ? 1 : 0);
  if (m.fallback)
    out.add(Family::model_fallback_info, {m.server, m.model, to_string(m.fallback->reason), m.fallback->cure},
            1);
  for (const Placement placement : kPlacements) {
    const std::string_view name = to_string(placement);
    out.add(Family::placement_verdicts_total, {m.server, m.model, name},
            static_cast<double>(value_or_zero(m.verdicts, placement)));
    if (m.placement)
      out.add(Family::model_placement, {m.server, m.model, name}, *m.placement == placement ? 1 : 0);
  }
  for (const auto& [reason, count] : m.fallbacks)
    out.add(Family::cpu_fallback_events_total, {m.server, m.model, to_string(reason)},
            static_cast<double>(count));
}

void write_rest_of_ledger(const LedgerView& ledger, FamilyWriter& out) {
  for (const Unattributed reason : kUnattributed) {
    const std::string_view name = to_string(reason);
    if (ledger.energy_known) {
      out.add(Family::unattributed_energy_joules_total, {name},
              joules(value_or_zero(ledger.unattributed_energy_nj, reason)));
    }
    if (ledger.gpu_known) {
      out.add(Family::unattributed_gpu_seconds_total, {name},
              seconds(value_or_zero(ledger.unattributed_gpu_busy_ns, reason)));
    }
  }
  if (ledger.energy_known) out.add(Family::pending_energy_joules, {}, joules(ledger.pending_energy_nj));
  if (ledger.gpu_known) out.add(Family::pending_gpu_seconds, {}, seconds(ledger.pending_gpu_busy_ns));
  if (ledger.energy_known) out.add(Family::forgotten_energy_joules, {}, joules(ledger.forgotten_energy_nj));
  if (ledger.gpu_known) out.add(Family::forgotten_gpu_seconds, {}, seconds(ledger.forgotten_gpu_busy_ns));
}

void write_relay(const RelayView& relay, FamilyWriter& out) {
  out.add(Family::relay_connections, {}, static_cast<double>(relay.connections));
  out.add(Family::relay_bytes_total, {"in"}, static_cast<double>(relay.bytes_in));
  out.add(Family::relay_bytes_total, {"out"}, static_cast<double>(relay.bytes_out));
  for (const auto& [reason, count] : relay.refused_requests)
    out.add(Family::relay_refused_requests_total, {reason}, static_cast<double>(count));
  for (const auto& [reason, count] : relay.closed_connections)
    out.add(Family::relay_closed_connections_total, {reason}, static_cast<double>(count));
  out.add(Family::relay_unobserved_connections_total, {}, static_cast<double>(relay.unobserved_connections));
}

void write_capture(const CaptureView& capture, FamilyWriter& out) {
  out.add(Family::capture_up, {}, capture.up ? 1 : 0);
  out.add(Family::capture_packets_total, {}, static_cast<double>(capture.packets));
  out.add(Family::capture_dropped_packets_total, {}, static_cast<double>(capture.dropped_packets));
  out.add(Family::capture_gaps_total, {}, static_cast<double>(capture.gaps));
  out.add(Family::capture_lost_bytes_total, {}, static_cast<double>(capture.lost_bytes));
  out.add(Family::capture_joined_connections_total, {}, static_cast<double>(capture.joined_connections));
}

void write_quality(const Snapshot& snapshot, FamilyWriter& out) {
  for (const auto& [reason, count] : snapshot.observation_errors) {
    out.add(Family::observation_errors_total, {reason}, static_cast<double>(count));
  }
  for (const char* reason : {"json", "oversize", "encoding", "usage_missing", "gap"}) {
    out.add(Family::observation_errors_total, {reason}, 0);  // left out where it was counted
  }
  out.add(Family::label_overflow_total, {"model"}, static_cast<double>(snapshot.label_overflow_models));
  out.add(Family::events_dropped_total, {}, static_cast<double>(snapshot.dropped_events));
  if (!snapshot.storage) return;
  out.add(Family::storage_up, {}, snapshot.storage->up ? 1 : 0);
  out.add(Family::storage_commits_total, {}, static_cast<double>(snapshot.storage->commits));
}

}  // namespace

void write_models(const Snapshot& snapshot, FamilyWriter& out) {
  for (const ModelView& model : snapshot.models) {
    write_placement(model, out);
    write_requests(model, out);
    write_attribution(model, snapshot.ledger, out);
    write_roofline(model, out);
  }
  write_rest_of_ledger(snapshot.ledger, out);
  if (snapshot.relay) write_relay(*snapshot.relay, out);
  if (snapshot.capture) write_capture(*snapshot.capture, out);
  write_quality(snapshot, out);
}

}  // namespace tegrascope
