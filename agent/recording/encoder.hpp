// Records as lines of text. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/recording/record.hpp"

namespace tegrascope {

// Each function gives one line with its newline.
std::string encode(const RecordingHead& head);
std::string encode(const ClockReading& clock);
std::string encode(const ServersFound& servers);
std::string encode(const ServerState& state);
std::string encode(const ServerLog& log);
std::string encode(const CaptureView& capture);
std::string encode(const RelayView& relay);
std::string encode(const GpuAccess& access);
std::string encode(const SlotsSeen& slots);
std::string encode(const RestoredState& restored);
std::string encode(const RequestEvent& event);
std::string encode(const Advance& advance);
std::string encode(const BookedAnswer& booked);
std::string encode(const Event& event);
std::string encode(const LostRecords& lost);
std::string encode(const RecordingEnd& end);

// Readings name their series by a number, which a line of kind `series` has introduced before.
class BatchEncoder {
 public:
  std::string encode(const Batch& batch);
  // Lines of the series that the batches since the last call brought: they go before those batches' lines.
  std::string take_new_series();
  // Lines of all series so far.
  const std::string& all_series() const { return all_; }

 private:
  struct Key {
    Signal signal{};
    std::string instance;
    std::string kind;
  };
  using KeyView = std::tuple<Signal, std::string_view, std::string_view>;
  struct Less {
    using is_transparent = void;
    static KeyView view(const Key& key) { return {key.signal, key.instance, key.kind}; }
    static const KeyView& view(const KeyView& key) { return key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a) < view(b);
    }
  };
  std::uint32_t number_of(const Reading& reading);

  std::map<Key, std::uint32_t, Less> series_;
  std::string new_;
  std::string all_;
};

}  // namespace tegrascope
