#include "exporters/prometheus/page.hpp"

#include <prometheus/text_serializer.h>

#include <utility>

#include "exporters/http/gzip.hpp"

namespace tegrascope {

MetricsPage::MetricsPage(SnapshotSource& source, BuildInfo build)
    : source_(source), build_(std::move(build)) {}

std::shared_ptr<const std::string> MetricsPage::text() {
  SnapshotPtr latest = source_.latest();
  if (!text_ || latest != rendered_) {
    text_ = std::make_shared<const std::string>(
        prometheus::TextSerializer{}.Serialize(to_families(*latest, build_)));
    rendered_ = std::move(latest);
    compressed_.reset();
  }
  return text_;
}

std::shared_ptr<const std::string> MetricsPage::compressed() {
  const auto current = text();
  if (!compressed_) compressed_ = std::make_shared<const std::string>(gzip(*current));
  return compressed_;
}

}  // namespace tegrascope
