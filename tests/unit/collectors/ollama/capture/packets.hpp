// Frames made byte by byte, and a scripted TCP connection that sends them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/capture/packet.hpp"
#include "collectors/ollama/capture/tcp_stream.hpp"

namespace tegrascope::test {

inline std::string be16(unsigned v) { return {static_cast<char>(v >> 8), static_cast<char>(v)}; }
inline std::string be32(std::uint32_t v) { return be16(v >> 16) + be16(v & 0xffff); }

enum TcpFlags : unsigned { kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16, kEce = 64, kCwr = 128 };

struct TcpFields {
  std::string source = "10.0.0.2";
  std::uint16_t source_port = 40000;
  std::string destination = "10.0.0.1";
  std::uint16_t destination_port = 11434;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 2000;
  unsigned flags = kAck | kPush;
  std::string payload;
};

inline std::string tcp_bytes(const TcpFields& f) {
  const std::string options = std::string("\x01\x01\x08\x0a", 4) + be32(1) + be32(2);  // time stamps
  const unsigned words = 5 + static_cast<unsigned>(options.size()) / 4;
  return be16(f.source_port) + be16(f.destination_port) + be32(f.sequence) + be32(f.acknowledgement) +
         std::string{static_cast<char>(words << 4), static_cast<char>(f.flags)} + be16(65535) + be16(0) +
         be16(0) + options + f.payload;
}

inline std::string address_bytes(const std::string& text) {
  const IpAddress a = parse_ip_address(text).value();
  const std::string all(a.bytes.begin(), a.bytes.end());
  return a.is_v4() ? all.substr(12) : all;
}

inline std::string ipv4_bytes(const TcpFields& f) {
  const std::string tcp = tcp_bytes(f);
  return std::string{0x45, 0} + be16(static_cast<unsigned>(20 + tcp.size())) + be16(7) + be16(0x4000) +
         std::string{64, 6} + be16(0) + address_bytes(f.source) + address_bytes(f.destination) + tcp;
}

inline std::string ipv6_bytes(const TcpFields& f) {
  const std::string tcp = tcp_bytes(f);
  return std::string{0x60, 0, 0, 0} + be16(static_cast<unsigned>(tcp.size())) + std::string{6, 64} +
         address_bytes(f.source) + address_bytes(f.destination) + tcp;
}

inline std::string sll(unsigned protocol, const std::string& packet) {
  return be16(0) + be16(772) + be16(6) + std::string(8, '\0') + be16(protocol) + packet;
}

inline TcpSegment segment_of(const TcpFields& f) {
  TcpSegment s;
  s.source = {parse_ip_address(f.source).value(), f.source_port};
  s.destination = {parse_ip_address(f.destination).value(), f.destination_port};
  s.sequence = f.sequence;
  s.acknowledgement = f.acknowledgement;
  s.fin = (f.flags & kFin) != 0;
  s.syn = (f.flags & kSyn) != 0;
  s.rst = (f.flags & kRst) != 0;
  s.ack = (f.flags & kAck) != 0;
  s.payload = f.payload;
  s.length = static_cast<std::uint32_t>(f.payload.size());
  return s;
}

// Both ends of a connection; each call is one segment on the wire.
class TcpScript {
 public:
  explicit TcpScript(std::uint16_t client_port = 40000, std::uint32_t client_initial = 1000,
                     std::uint32_t server_initial = 900000)
      : client_port_(client_port), client_(client_initial), server_(server_initial) {}

  std::vector<TcpFields> open() {
    TcpFields syn = from_client("", kSyn | kEce | kCwr);  // asks for ECN, as Apple's clients do
    syn.acknowledgement = 0;
    ++client_;
    TcpFields answer = from_server("", kSyn | kAck | kEce);
    ++server_;
    return {syn, answer};
  }
  TcpFields ask(std::string payload) { return from_client(std::move(payload), kAck | kPush); }
  TcpFields answer(std::string payload) { return from_server(std::move(payload), kAck | kPush); }
  TcpFields client_fin() {
    TcpFields f = from_client("", kFin | kAck);
    ++client_;
    return f;
  }
  TcpFields server_fin() {
    TcpFields f = from_server("", kFin | kAck);
    ++server_;
    return f;
  }
  TcpFields client_reset() { return from_client("", kRst); }

  std::string client_address = "10.0.0.2";
  std::string server_address = "10.0.0.1";
  std::uint16_t server_port = 11434;

 private:
  TcpFields from_client(std::string payload, unsigned flags) {
    const auto length = static_cast<std::uint32_t>(payload.size());
    TcpFields f{client_address, client_port_, server_address, server_port,
                client_,        server_,      flags,          std::move(payload)};
    client_ += length;
    return f;
  }
  TcpFields from_server(std::string payload, unsigned flags) {
    const auto length = static_cast<std::uint32_t>(payload.size());
    TcpFields f{server_address, server_port, client_address, client_port_,
                server_,        client_,     flags,          std::move(payload)};
    server_ += length;
    return f;
  }

  std::uint16_t client_port_;
  std::uint32_t client_;
  std::uint32_t server_;
};

}  // namespace tegrascope::test
