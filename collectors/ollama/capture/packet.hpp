// One captured frame, taken apart: link layer, IP, TCP. Pure; nothing outside the captured bytes is ever read.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tegrascope {

// An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// "192.168.1.5", "::1". Absent: no address literal.
std::optional<IpAddress> parse_ip_address(std::string_view text);
std::string to_string(const IpAddress& address);

struct TcpEndpointAddress {
  IpAddress address;
  std::uint16_t port = 0;
  friend auto operator<=>(const TcpEndpointAddress&, const TcpEndpointAddress&) = default;
};

// Link layers, as libpcap numbers them (DLT_*; www.tcpdump.org/linktypes.html).
enum class LinkLayer : int {
  null = 0,         // BSD loopback: 4 bytes of address family
  ethernet = 1,     // also `lo` of Linux; VLAN tags are skipped
  raw = 12,         // starts with the IP header; 14 on OpenBSD, 101 in files
  linux_sll = 113,  // device `any`, 16 bytes
  linux_sll2 = 276  // device `any`, 20 bytes
};
std::optional<LinkLayer> link_layer_of(int dlt);

struct TcpSegment {
  TcpEndpointAddress source;
  TcpEndpointAddress destination;
  std::uint32_t sequence = 0;         // of the first payload byte, or of the SYN
  std::uint32_t acknowledgement = 0;  // only with `ack`
  bool syn = false;
  bool fin = false;
  bool rst = false;
  bool ack = false;
  std::string_view payload;  // captured part of it; points into the frame
  std::uint32_t length = 0;  // of the payload on the wire; more than payload.size() when the frame was cut
};

// Absent: no TCP, a fragment, or headers that do not fit into the frame. `wire_length` is the frame's length
// before it was cut to the snaplen. A packet whose IP length is 0 (Linux BIG TCP, over 64 KiB) reaches to the
// end of its frame.
std::optional<TcpSegment> decode_packet(LinkLayer link, std::string_view frame, std::size_t wire_length);

}  // namespace tegrascope
