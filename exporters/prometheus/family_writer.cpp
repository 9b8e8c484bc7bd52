#include "exporters/prometheus/family_writer.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace tegrascope {
namespace {

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// Length of the valid UTF-8 character at the beginning of `s`, 0 when there is none (RFC 3629, table 3-7 of
// Unicode).
std::size_t character_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_large = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      valid += '?';
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

void FamilyWriter::add(Family family, std::initializer_list<std::string_view> values, double value) {
  if (!std::isfinite(value)) return;
  prometheus::ClientMetric* series = new_series(family, values);
  if (series == nullptr) return;
  if (info(family).kind == MetricKind::counter) {
    series->counter.value = value;
  } else {
    series->gauge.value = value;
  }
}

void FamilyWriter::add(Family family, std::initializer_list<std::string_view> values,
                       const Histogram& histogram) {
  prometheus::ClientMetric* series = new_series(family, values);
  if (series == nullptr) return;
  auto& out = series->histogram;
  out.sample_count = histogram.count();
  out.sample_sum = histogram.sum();
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < histogram.edges().size(); ++i) {
    cumulative += histogram.counts()[i];
    out.bucket.push_back({cumulative, histogram.edges()[i]});
  }
}

std::vector<prometheus::MetricFamily> FamilyWriter::take() {
  std::vector<prometheus::MetricFamily> families;
  for (const FamilyInfo& entry : catalogue()) {
    auto& series = series_[static_cast<std::size_t>(entry.family)];
    if (series.empty()) continue;
    prometheus::MetricFamily& out = families.emplace_back();
    out.name = entry.name;
    out.help = entry.help;
    out.type = type_of(entry.kind);
    out.metric = std::move(series);
    series.clear();
  }
  return families;
}

prometheus::ClientMetric* FamilyWriter::new_series(Family family,
                                                   std::initializer_list<std::string_view> values) {
  const auto names = info(family).labels();
  if (names.size() != values.size()) {
    throw std::logic_error(std::string{info(family).name} + " needs " + std::to_string(names.size()) +
                           " label values, not " + std::to_string(values.size()));
  }
  prometheus::ClientMetric metric;
  for (std::size_t i = 0; i < names.size(); ++i) {
    metric.label.push_back({std::string{names[i]}, valid_utf8(values.begin()[i])});
  }
  auto& series = series_[static_cast<std::size_t>(family)];
  const bool known =
      std::any_of(series.begin(), series.end(), [&](const auto& m) { return m.label == metric.label; });
  return known ? nullptr : &series.emplace_back(std::move(metric));
}

}  // namespace tegrascope
