#include "exporters/prometheus/page.hpp"

#include <prometheus/text_serializer.h>

#include <utility>

namespace tegrascope {

MetricsPage::MetricsPage(const SnapshotSource& source, BuildInfo build)
    : source_(source), build_(std::move(build)) {}

std::shared_ptr<const std::string> MetricsPage::text() {
  SnapshotPtr latest = source_.latest();
  if (!text_ || latest != rendered_) {
    text_ = std::make_shared<const std::string>(
        prometheus::TextSerializer{}.Serialize(to_families(*latest, build_)));
    rendered_ = std::move(latest);
  }
  return text_;
}

}  // namespace tegrascope
