// Reads the Prometheus text format, as far as tests ask.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tegrascope::test {

struct ExposedSeries {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

class Exposition {
 public:
  // Throws std::runtime_error for a line that is no series and no comment.
  explicit Exposition(const std::string& text);

  const std::vector<ExposedSeries>& series() const { return series_; }
  bool has(const std::string& name) const;
  // Sum over the series of that name whose labels include `labels`; absent when there is none.
  std::optional<double> sum(const std::string& name,
                            const std::map<std::string, std::string>& labels = {}) const;

 private:
  std::vector<ExposedSeries> series_;
};

}  // namespace tegrascope::test
