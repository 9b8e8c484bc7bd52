#include "agent/cli/summary.hpp"

#include <fmt/format.h>

namespace tegrascope {
namespace {

double seconds_in(const RequestRecord& record, Phase phase) {
  const auto time = record.phase_time.find(phase);
  return time == record.phase_time.end() ? 0 : to_seconds(time->second);
}

double joules(const RequestRecord& record, bool with_load) {
  double sum = 0;
  for (const auto& [phase, amounts] : record.phase_amounts) {
    if (with_load || phase != Phase::load) sum += static_cast<double>(amounts.energy_nj) * 1e-9;
  }
  return sum;
}

std::string cell(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

}  // namespace

std::optional<double> decode_tokens_per_second(const RequestRecord& record) {
  const double decode = seconds_in(record, Phase::decode);
  if (!record.output_tokens || *record.output_tokens < 2 || decode <= 0) return std::nullopt;
  const double tokens = static_cast<double>(*record.output_tokens);
  return (record.tokens_estimated ? tokens - 1 : tokens) / decode;
}

std::optional<double> joules_per_token(const RequestRecord& record) {
  if (!record.energy_known || record.output_tokens.value_or(0) < 1) return std::nullopt;
  return joules(record, false) / static_cast<double>(*record.output_tokens);
}

std::string summary_header() {
  return fmt::format("{:>6}  {:<18} {:<8} {:>6} {:>8} {:>6} {:>6} {:>6} {:>8} {:>8}", "time s", "model",
                     "ran on", "tokens", "token/s", "GPU %", "cores", "W", "J/token", "first s");
}

std::string summary_row(const RequestRecord& record, MonotonicTime since) {
  std::optional<double> first;
  if (record.streamed && record.first_content) first = to_seconds(*record.first_content - record.started);
  std::optional<double> gpu;
  if (record.decode.gpu_load_ratio) gpu = *record.decode.gpu_load_ratio * 100;
  const double seconds = to_seconds(record.ended - record.started);
  std::optional<double> watts;
  if (record.energy_known && seconds > 0) watts = joules(record, true) / seconds;
  std::optional<double> tokens;
  if (record.output_tokens) tokens = static_cast<double>(*record.output_tokens);
  return fmt::format("{:>6.1f}  {:<18} {:<8} {:>6} {:>8} {:>6} {:>6} {:>6} {:>8} {:>8}",
                     to_seconds(record.ended - since), record.model, to_string(record.verdict.placement),
                     cell(tokens, "{:.0f}"), cell(decode_tokens_per_second(record), "{:.2f}"),
                     cell(gpu, "{:.0f}"), cell(record.decode.runner_cores, "{:.1f}"), cell(watts, "{:.1f}"),
                     cell(joules_per_token(record), "{:.2f}"), cell(first, "{:.2f}"));
}

}  // namespace tegrascope
