#include "agent/recording/recorder.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tegrascope {

using Kind = RecordedLine::Kind;

void Recorder::keep(Kind kind, std::string&& text, std::string key, RequestId id) {
  const RecordedLine line{kind, now_, std::move(key), id, std::move(text)};
  for (RecordKeeper* keeper : keepers_) keeper->keep(line);
}

void Recorder::begin(const RecordingHead& head) {
  if (!on()) return;
  now_ = head.clock.monotonic;
  keep(Kind::head, encode(head));
}

void Recorder::take(const ClockReading& clock) {
  if (on()) keep(Kind::clock, encode(clock));
}

void Recorder::take(const ServersFound& servers) {
  if (on()) keep(Kind::servers, encode(servers));
}

void Recorder::take(const ServerState& state) {
  if (on()) keep(Kind::state, encode(state), state.server.name);
}

void Recorder::take(const ServerLog& log) {
  if (on()) keep(Kind::log, encode(log), log.server);
}

void Recorder::take(const CaptureView& capture) {
  if (on()) keep(Kind::capture, encode(capture));
}

void Recorder::take(const RelayView& relay) {
  if (!on()) return;
  std::string text = encode(relay);
  if (text == last_relay_) return;
  last_relay_ = text;
  keep(Kind::relay, std::move(text));
}

void Recorder::take(const GpuAccess& access) {
  if (on()) keep(Kind::access, encode(access));
}

void Recorder::take(const SlotsSeen& slots) {
  if (on()) keep(Kind::slots, encode(slots));
}

void Recorder::take(const RestoredState& restored) {
  if (on()) keep(Kind::restored, encode(restored));
}

void Recorder::take(const Batch& batch) {
  if (!on()) return;
  now_ = std::max(now_, batch.finished);
  std::string text = batches_.encode(batch);
  std::string series = batches_.take_new_series();
  if (!series.empty()) keep(Kind::series, std::move(series));
  keep(Kind::batch, std::move(text), batch.collector);
}

void Recorder::take(const RequestEvent& event) {
  if (!on()) return;
  static constexpr std::array kKinds{Kind::started, Kind::described, Kind::progress, Kind::ended};
  const RequestId id = std::visit([](const auto& e) { return e.id; }, event);
  keep(kKinds[event.index()], encode(event), {}, id);
}

void Recorder::take(const Advance& advance) {
  if (!on()) return;
  now_ = std::max(now_, advance.at);
  keep(Kind::advance, encode(advance));
}

void Recorder::take(const BookedAnswer& booked) {
  if (on()) keep(Kind::result, encode(booked));
}

void Recorder::take(const Event& event) {
  if (on()) keep(Kind::result, encode(event));
}

void Recorder::take(const RecordingEnd& end) {
  if (on()) keep(Kind::result, encode(end));
}

}  // namespace tegrascope
