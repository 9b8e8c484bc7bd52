// libpcap on the device `any`. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "agent/model/time.hpp"
#include "collectors/ollama/capture/packet.hpp"

namespace tegrascope {

// The kernel does not let us capture: what to do about it is in what().
class CaptureForbidden : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class PacketSource {
 public:
  struct Packet {
    std::string_view frame;
    std::size_t wire_length = 0;
    Nanoseconds realtime{};  // CLOCK_REALTIME, stamped by the kernel
  };
  using Handler = std::function<void(const Packet&)>;

  // Opens the device with TPACKET_V3: no immediate mode, which wakes us for each packet and slows the server
  // down, blocks handed over after 100 ms at the latest, whole packets up to 256 KiB (segments of 64 KiB are
  // common on `lo`). Throws CaptureForbidden or std::runtime_error.
  explicit PacketSource(const std::string& filter);
  ~PacketSource();
  PacketSource(const PacketSource&) = delete;
  PacketSource& operator=(const PacketSource&) = delete;

  int descriptor() const;  // readable when packets wait
  LinkLayer link_layer() const { return link_; }

  // Hands over what waits, without blocking; returns how many. Throws std::runtime_error when the device failed.
  int dispatch(const Handler& handler);

  // Packets that the kernel dropped because its ring was full, since this was opened.
  std::uint64_t dropped() const;

 private:
  struct Handle;
  void set_filter(const std::string& filter);

  std::unique_ptr<Handle> handle_;
  LinkLayer link_{};
};

}  // namespace tegrascope
