#include "agent/recording/flight_recorder.hpp"

#include <utility>

namespace tegrascope {
namespace {

std::size_t cost(const RecordedLine& line) {
  return sizeof(RecordedLine) + line.text.capacity() + line.key.size();
}

}  // namespace

void FlightRecorder::keep(const RecordedLine& line) {
  // These are short and never age.
  if (line.kind == RecordedLine::Kind::head) {
    head_ = line.text.substr(0, line.text.rfind('}')) + ",\"partial\":true}\n";
    return;
  }
  if (line.kind == RecordedLine::Kind::series) {
    series_ += line.text;
    return;
  }
  lines_.push_back(line);
  bytes_ += cost(lines_.back());
  while (!lines_.empty() && (line.at - lines_.front().at > options_.window || bytes_ > options_.max_bytes)) {
    RecordedLine oldest = std::move(lines_.front());
    bytes_ -= cost(oldest);
    lines_.pop_front();
    absorb(std::move(oldest));
  }
}

void FlightRecorder::absorb(RecordedLine&& line) {
  using Kind = RecordedLine::Kind;
  switch (line.kind) {
    case Kind::clock:
      clock_ = std::move(line.text);
      break;
    case Kind::servers:
      servers_ = std::move(line.text);
      break;
    case Kind::capture:
      capture_ = std::move(line.text);
      break;
    case Kind::relay:
      relay_ = std::move(line.text);
      break;
    case Kind::access:
      access_ = std::move(line.text);
      break;
    case Kind::restored:
      restored_ = std::move(line.text);
      break;
    case Kind::state:
      states_[line.key] = std::move(line.text);
      break;
    case Kind::log:
      logs_[line.key] = std::move(line.text);
      break;
    case Kind::batch:
      batches_[line.key] = std::move(line.text);
      break;
    case Kind::started:
      open_[line.id].started = std::move(line.text);
      if (open_.size() > options_.max_open_requests) open_.erase(open_.begin());
      break;
    case Kind::described: {
      const auto open = open_.find(line.id);
      if (open != open_.end()) open->second.described = std::move(line.text);
      break;
    }
    case Kind::progress: {
      const auto open = open_.find(line.id);
      if (open != open_.end()) open->second.progress = std::move(line.text);
      break;
    }
    case Kind::ended:
      open_.erase(line.id);
      break;
    case Kind::head:
    case Kind::series:
    case Kind::advance:
    case Kind::slots:  // read again every second while it matters
    case Kind::result:
      break;
  }
}

std::string FlightRecorder::text() const {
  std::string out;
  out.reserve(bytes_ + series_.size());
  out += head_;
  out += series_;
  out += restored_;
  out += clock_;
  out += servers_;
  for (const auto& [server, line] : states_) out += line;
  for (const auto& [server, line] : logs_) out += line;
  out += capture_;
  out += relay_;
  out += access_;
  for (const auto& [collector, line] : batches_) out += line;
  for (const auto& [id, request] : open_) out += request.started + request.described + request.progress;
  for (const RecordedLine& line : lines_) out += line.text;
  return out;
}

}  // namespace tegrascope
