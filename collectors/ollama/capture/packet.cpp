#include "collectors/ollama/capture/packet.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace tegrascope {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr int kMaxVlanTags = 2;
constexpr int kMaxExtensionHeaders = 8;
constexpr std::uint8_t kTcp = 6;
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Bytes from an offset on; every read is checked.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool has(std::size_t count) const { return bytes_.size() >= count; }
  std::uint8_t u8(std::size_t at) const { return static_cast<std::uint8_t>(bytes_[at]); }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(u8(at) << 8 | u8(at + 1)); }
  std::uint32_t u32(std::size_t at) const {
    return static_cast<std::uint32_t>(u16(at)) << 16 | static_cast<std::uint32_t>(u16(at + 2));
  }
  std::string_view text(std::size_t at, std::size_t count) const { return bytes_.substr(at, count); }
  std::string_view rest() const { return bytes_; }
  void skip(std::size_t count) { bytes_.remove_prefix(count); }

 private:
  std::string_view bytes_;
};

IpAddress v4_address(std::string_view four) {
  IpAddress out;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out.bytes.begin());
  std::memcpy(out.bytes.data() + 12, four.data(), 4);
  return out;
}

IpAddress v6_address(std::string_view sixteen) {
  IpAddress out;
  std::memcpy(out.bytes.data(), sixteen.data(), 16);
  return out;
}

// The version nibble, where the link layer does not name the protocol.
std::optional<std::uint16_t> protocol_of_version(const Reader& frame) {
  if (!frame.has(1)) return std::nullopt;
  const int version = frame.u8(0) >> 4;
  if (version == 4) return kIpv4;
  if (version == 6) return kIpv6;
  return std::nullopt;
}

std::optional<std::uint16_t> skip_vlan_tags(Reader& frame, std::uint16_t protocol) {
  for (int tags = 0; protocol == 0x8100 || protocol == 0x88a8 || protocol == 0x9100; ++tags) {
    if (tags == kMaxVlanTags || !frame.has(4)) return std::nullopt;
    protocol = frame.u16(2);
    frame.skip(4);
  }
  return protocol;
}

// Leaves `frame` at the IP header.
std::optional<std::uint16_t> skip_link_layer(LinkLayer link, Reader& frame) {
  std::size_t header = 0;
  std::size_t protocol_at = 0;
  switch (link) {
    case LinkLayer::raw:
      return protocol_of_version(frame);
    case LinkLayer::null:
      if (!frame.has(4)) return std::nullopt;
      frame.skip(4);
      return protocol_of_version(frame);
    case LinkLayer::ethernet:
      header = 14;
      protocol_at = 12;
      break;
    case LinkLayer::linux_sll:
      header = 16;
      protocol_at = 14;
      break;
    case LinkLayer::linux_sll2:
      header = 20;
      protocol_at = 0;
      break;
  }
  if (!frame.has(header)) return std::nullopt;
  const std::uint16_t protocol = frame.u16(protocol_at);
  frame.skip(header);
  return skip_vlan_tags(frame, protocol);
}

struct IpPayload {
  IpAddress source;
  IpAddress destination;
  std::size_t length = 0;  // of what follows the header, on the wire
};

std::optional<IpPayload> skip_ipv4(Reader& packet, std::size_t wire_length) {
  if (!packet.has(20) || packet.u8(0) >> 4 != 4) return std::nullopt;
  const std::size_t header = static_cast<std::size_t>(packet.u8(0) & 15) * 4;
  if (header < 20 || !packet.has(header) || packet.u8(9) != kTcp) return std::nullopt;
  if ((packet.u16(6) & 0x3fff) != 0) return std::nullopt;  // a fragment
  std::size_t total = packet.u16(2);
  if (total == 0) total = wire_length;
  if (total < header || total > wire_length) return std::nullopt;
  const IpPayload out{v4_address(packet.text(12, 4)), v4_address(packet.text(16, 4)), total - header};
  packet.skip(header);
  return out;
}

std::optional<IpPayload> skip_ipv6(Reader& packet, std::size_t wire_length) {
  if (!packet.has(40) || packet.u8(0) >> 4 != 6 || wire_length < 40) return std::nullopt;
  std::size_t length = packet.u16(4);
  if (length == 0) length = wire_length - 40;
  if (length > wire_length - 40) return std::nullopt;
  std::uint8_t next = packet.u8(6);
  const IpAddress source = v6_address(packet.text(8, 16));
  const IpAddress destination = v6_address(packet.text(24, 16));
  packet.skip(40);
  for (int headers = 0; next != kTcp; ++headers) {
    // Hop-by-hop options, routing, destination options. Anything else (fragments, ESP) is not read.
    if (headers == kMaxExtensionHeaders || (next != 0 && next != 43 && next != 60)) return std::nullopt;
    if (!packet.has(2)) return std::nullopt;
    const std::size_t header = (static_cast<std::size_t>(packet.u8(1)) + 1) * 8;
    if (!packet.has(header) || header > length) return std::nullopt;
    next = packet.u8(0);
    packet.skip(header);
    length -= header;
  }
  return IpPayload{source, destination, length};
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes[15] == 1;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const std::string terminated(text);
  std::array<char, 16> raw{};
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) return v4_address({raw.data(), 4});
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return v6_address({raw.data(), 16});
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

std::optional<LinkLayer> link_layer_of(int dlt) {
  switch (dlt) {
    case 0:
    case 1:
    case 12:
    case 113:
    case 276:
      return static_cast<LinkLayer>(dlt);
    case 14:
    case 101:
      return LinkLayer::raw;
    default:
      return std::nullopt;
  }
}

std::optional<TcpSegment> decode_packet(LinkLayer link, std::string_view frame, std::size_t wire_length) {
  wire_length = std::max(wire_length, frame.size());
  Reader reader(frame);
  const auto protocol = skip_link_layer(link, reader);
  if (!protocol) return std::nullopt;
  const std::size_t ip_length = wire_length - (frame.size() - reader.rest().size());
  std::optional<IpPayload> ip;
  if (*protocol == kIpv4) ip = skip_ipv4(reader, ip_length);
  if (*protocol == kIpv6) ip = skip_ipv6(reader, ip_length);
  if (!ip || !reader.has(20)) return std::nullopt;

  const std::size_t header = static_cast<std::size_t>(reader.u8(12) >> 4) * 4;
  if (header < 20 || header > ip->length || !reader.has(header)) return std::nullopt;
  TcpSegment segment;
  segment.source = {ip->source, reader.u16(0)};
  segment.destination = {ip->destination, reader.u16(2)};
  segment.sequence = reader.u32(4);
  segment.acknowledgement = reader.u32(8);
  const std::uint8_t flags = reader.u8(13);  // the ECN bits (0x40, 0x80) mean nothing here
  segment.fin = (flags & 0x01) != 0;
  segment.syn = (flags & 0x02) != 0;
  segment.rst = (flags & 0x04) != 0;
  segment.ack = (flags & 0x10) != 0;
  segment.length = static_cast<std::uint32_t>(ip->length - header);
  reader.skip(header);
  segment.payload = reader.rest().substr(0, segment.length);  // what follows it is padding
  return segment;
}

}  // namespace tegrascope
