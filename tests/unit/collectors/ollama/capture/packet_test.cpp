#include "collectors/ollama/capture/packet.hpp"

#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/capture/packets.hpp"

namespace tegrascope {
namespace {

using namespace test;

TcpFields fields(std::string payload = "POST / HTTP/1.1") {
  TcpFields f;
  f.payload = std::move(payload);
  return f;
}

TcpFields v6_fields() {
  TcpFields f = fields();
  f.source = "fd00::2";
  f.destination = "::1";
  return f;
}

void expect_is(const std::optional<TcpSegment>& got, const TcpFields& f) {
  ASSERT_TRUE(got);
  EXPECT_EQ(to_string(got->source.address), f.source);
  EXPECT_EQ(to_string(got->destination.address), f.destination);
  EXPECT_EQ(got->source.port, f.source_port);
  EXPECT_EQ(got->destination.port, f.destination_port);
  EXPECT_EQ(got->sequence, f.sequence);
  EXPECT_EQ(got->acknowledgement, f.acknowledgement);
  EXPECT_EQ(got->payload, f.payload);
  EXPECT_EQ(got->length, f.payload.size());
}

std::string ethernet(unsigned protocol, const std::string& packet) {
  return std::string(12, '\x11') + be16(protocol) + packet;
}

std::optional<TcpSegment> decode(LinkLayer link, const std::string& frame) {
  return decode_packet(link, frame, frame.size());
}

TEST(Packet, EveryLinkLayer) {
  const std::string v4 = ipv4_bytes(fields());
  const std::string v6 = ipv6_bytes(v6_fields());
  std::string frame = ethernet(0x0800, v4);
  expect_is(decode(LinkLayer::ethernet, frame), fields());
  frame = ethernet(0x86dd, v6);
  expect_is(decode(LinkLayer::ethernet, frame), v6_fields());
  frame = sll(0x0800, v4);
  expect_is(decode(LinkLayer::linux_sll, frame), fields());
  frame = sll(0x86dd, v6);
  expect_is(decode(LinkLayer::linux_sll, frame), v6_fields());
  frame = be16(0x0800) + be16(0) + be32(3) + be16(1) + std::string{0, 6} + std::string(8, '\0') + v4;
  expect_is(decode(LinkLayer::linux_sll2, frame), fields());
  expect_is(decode(LinkLayer::raw, v4), fields());
  expect_is(decode(LinkLayer::raw, v6), v6_fields());
  frame = std::string("\x02\0\0\0", 4) + v4;
  expect_is(decode(LinkLayer::null, frame), fields());
}

TEST(Packet, VlanTagsAreSkipped) {
  const std::string v4 = ipv4_bytes(fields());
  std::string frame = ethernet(0x8100, be16(100) + be16(0x0800) + v4);
  expect_is(decode(LinkLayer::ethernet, frame), fields());
  frame = ethernet(0x88a8, be16(7) + be16(0x8100) + be16(100) + be16(0x0800) + v4);
  expect_is(decode(LinkLayer::ethernet, frame), fields());
  frame = sll(0x8100, be16(100) + be16(0x0800) + v4);
  expect_is(decode(LinkLayer::linux_sll, frame), fields());
}

TEST(Packet, PaddingIsNoPayload) {
  const std::string frame = ethernet(0x0800, ipv4_bytes(fields("a")) + std::string(6, '\0'));
  expect_is(decode(LinkLayer::ethernet, frame), fields("a"));
}

TEST(Packet, FlagsAndTheBitsOfEcn) {
  TcpFields f = fields("");
  f.flags = kSyn | kEce | kCwr;
  const std::string frame = ipv4_bytes(f);
  const auto got = decode(LinkLayer::raw, frame);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->syn);
  EXPECT_FALSE(got->ack || got->fin || got->rst);
  f.flags = kFin | kRst | kAck;
  const std::string last = ipv4_bytes(f);
  const auto end = decode(LinkLayer::raw, last);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->fin && end->rst && end->ack && !end->syn);
}

TEST(Packet, AFrameCutByTheSnapLengthTellsHowLongItWas) {
  const std::string whole = ethernet(0x0800, ipv4_bytes(fields(std::string(1000, 'x'))));
  const std::string cut = whole.substr(0, whole.size() - 900);
  const auto got = decode_packet(LinkLayer::ethernet, cut, whole.size());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->length, 1000U);
  EXPECT_EQ(got->payload.size(), 100U);
}

TEST(Packet, LengthZeroReachesToTheEnd) {
  std::string v4 = ipv4_bytes(fields(std::string(70000, 'x')));
  v4.replace(2, 2, be16(0));
  const auto got = decode(LinkLayer::raw, v4);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload.size(), 70000U);
}

TEST(Packet, ExtensionHeadersOfIpv6) {
  std::string v6 = ipv6_bytes(v6_fields());
  v6[6] = 0;                                           // hop-by-hop
  v6.insert(40, std::string{6, 0, 1, 4, 0, 0, 0, 0});  // then TCP
  v6.replace(4, 2, be16(static_cast<unsigned>(v6.size() - 40)));
  expect_is(decode(LinkLayer::raw, v6), v6_fields());
  v6[6] = 44;  // a fragment
  EXPECT_FALSE(decode(LinkLayer::raw, v6));
}

TEST(Packet, WhatIsNoTcpOrAFragmentIsNotRead) {
  std::string v4 = ipv4_bytes(fields());
  std::string udp = v4;
  udp[9] = 17;
  EXPECT_FALSE(decode(LinkLayer::raw, udp));
  std::string fragment = v4;
  fragment.replace(6, 2, be16(0x2000));
  EXPECT_FALSE(decode(LinkLayer::raw, fragment));
  fragment.replace(6, 2, be16(185));
  EXPECT_FALSE(decode(LinkLayer::raw, fragment));
  const std::string arp = ethernet(0x0806, v4);
  EXPECT_FALSE(decode(LinkLayer::ethernet, arp));
  EXPECT_FALSE(link_layer_of(9));
}

TEST(Packet, HeadersThatDoNotFitAreRefusedAtEveryLength) {
  for (const LinkLayer link :
       {LinkLayer::ethernet, LinkLayer::linux_sll, LinkLayer::linux_sll2, LinkLayer::raw, LinkLayer::null}) {
    for (const std::string& packet : {ipv4_bytes(fields("")), ipv6_bytes(v6_fields())}) {
      const std::string frame = link == LinkLayer::raw    ? packet
                                : link == LinkLayer::null ? std::string(4, '\0') + packet
                                                          : sll(packet[0] == 0x45 ? 0x0800 : 0x86dd, packet);
      for (std::size_t length = 0; length < frame.size(); ++length) {
        const std::string cut = frame.substr(0, length);  // its own allocation: the sanitizer sees its end
        const auto got = decode_packet(link, std::string_view(cut.data(), cut.size()), frame.size());
        if (got) {
          EXPECT_LE(got->payload.size(), got->length) << length;
        }
      }
    }
  }
}

TEST(Packet, LengthsThatLieAreRefused) {
  const std::string v4 = ipv4_bytes(fields());
  for (std::size_t at = 0; at < v4.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string broken = v4;
      broken[at] = static_cast<char>(value);
      const auto got = decode(LinkLayer::raw, broken);
      if (!got) continue;
      ASSERT_LE(got->payload.size(), got->length);
      ASSERT_TRUE(got->payload.empty() ||
                  (got->payload.data() >= broken.data() &&
                   got->payload.data() + got->payload.size() <= broken.data() + broken.size()));
    }
  }
}

}  // namespace
}  // namespace tegrascope
