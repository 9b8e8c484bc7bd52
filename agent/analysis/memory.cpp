// The analysis' half that is about memory: headroom, and how near decodes come to what the bus carries.
#include "agent/analysis/analysis.hpp"
#include "agent/attribution/roofline.hpp"
#include "agent/model/headroom.hpp"

namespace tegrascope {

void Analysis::fill_headroom(Snapshot& snapshot) const {
  std::vector<ServerState> states;
  for (const auto& [name, state] : residency_.servers()) states.push_back(state);
  snapshot.headroom = memory_headroom(snapshot.readings, states);
}

// A model may have been unloaded by the time its last request is judged.
void Analysis::remember_shapes(const ServerState& state) {
  for (const ResidentModel& model : state.models) {
    const std::string label = models_.label(model.name);
    if (label != kOtherModel && (model.file_bytes || model.shape))
      known_models_.insert_or_assign(ModelKey{state.server.name, label}, model);
  }
}

void Analysis::add_roofline(const LiveRequest& request, RequestRecord& record) {
  const auto model = known_models_.find(request.key);
  const auto decode = record.phase_time.find(Phase::decode);
  if (model == known_models_.end() || decode == record.phase_time.end() || !record.output_tokens) return;
  std::optional<double> peak;
  if (emc_peak_ && std::chrono::abs(record.ended - emc_peak_->at) < kReadingStaleAfter)
    peak = emc_peak_->value;
  record.roofline =
      roofline_of(model->second, record.prompt_tokens, *record.output_tokens, decode->second, peak);
  if (!record.roofline) return;
  mark_impossible(record);
  RooflineSums& sums = models_.view(request.key).roofline;
  if (is_impossible(*record.roofline)) {
    ++sums.impossible;
  } else if (!record.roofline->is_bound()) {
    const double seconds = to_seconds(decode->second);
    ++sums.requests;
    sums.time += decode->second;
    sums.bytes += record.roofline->bytes_per_second * seconds;
    sums.peak_bytes += record.roofline->peak_bytes_per_second.value_or(0) * seconds;
  }
}

}  // namespace tegrascope
