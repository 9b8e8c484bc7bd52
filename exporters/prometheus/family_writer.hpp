// Collects series by family, so that a name comes out once, with the label names of the catalogue, whoever
// adds to it.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "agent/model/histogram.hpp"
#include "exporters/prometheus/catalogue.hpp"

namespace tegrascope {

class FamilyWriter {
 public:
  // `values` in the order of the catalogue's label names, as many of them (std::logic_error otherwise). A
  // value that is not finite, and a second series with the same labels, is left out: either would spoil the
  // whole scrape. Bytes that are not UTF-8 become '?'.
  void add(Family family, std::initializer_list<std::string_view> values, double value);
  void add(Family family, std::initializer_list<std::string_view> values, const Histogram& histogram);

  // Families with at least one series, in the catalogue's order. The writer is empty afterwards.
  std::vector<prometheus::MetricFamily> take();

 private:
  prometheus::ClientMetric* new_series(Family family, std::initializer_list<std::string_view> values);

  std::array<std::vector<prometheus::ClientMetric>, kFamilies> series_;
};

// `text` with each byte that does not belong to valid UTF-8 replaced by '?'.
std::string valid_utf8(std::string_view text);

}  // namespace tegrascope
