// Capture files, written byte by byte, read back by libpcap through the filter that the capture uses.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <memory>

#include "collectors/ollama/capture/connections.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/capture/packets.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using namespace test;

constexpr int kSll = 113;
constexpr int kEthernet = 1;

std::string le32(std::uint32_t v) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(v >> (8 * i) & 0xff);
  return out;
}

// The classic format: header, then records (pcap-savefile(5)).
class CaptureFile {
 public:
  explicit CaptureFile(int link)
      : bytes_(le32(0xa1b2c3d4U) + le32(0x00040002U) + le32(0) + le32(0) + le32(262144) +
               le32(static_cast<std::uint32_t>(link))),
        link_(link) {}

  void add(const TcpFields& f) {
    const bool v6 = f.source.find(':') != std::string::npos;
    const std::string packet = v6 ? ipv6_bytes(f) : ipv4_bytes(f);
    const unsigned protocol = v6 ? 0x86dd : 0x0800;
    const std::string frame =
        link_ == kSll ? sll(protocol, packet) : std::string(12, '\x02') + be16(protocol) + packet;
    const auto size = static_cast<std::uint32_t>(frame.size());
    bytes_ += le32(1800000000U) + le32(microseconds_ += 100) + le32(size) + le32(size) + frame;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  int link_;
  std::uint32_t microseconds_ = 0;
};

class Replay : public testing::Test {
 protected:
  // Returns how many packets passed the filter.
  int replay(const CaptureFile& file, const std::vector<CaptureTarget>& targets) {
    tree_.write("capture.pcap", file.bytes());
    char error[PCAP_ERRBUF_SIZE] = "";
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap(
        pcap_open_offline(tree_.path("capture.pcap").c_str(), error), pcap_close);
    EXPECT_NE(pcap, nullptr) << error;
    bpf_program program{};
    EXPECT_EQ(pcap_compile(pcap.get(), &program, capture_filter(targets).c_str(), 1, PCAP_NETMASK_UNKNOWN), 0)
        << pcap_geterr(pcap.get());
    EXPECT_EQ(pcap_setfilter(pcap.get(), &program), 0);
    pcap_freecode(&program);
    connections_.set_targets(targets);
    const LinkLayer link = link_layer_of(pcap_datalink(pcap.get())).value();
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    int passed = 0;
    while (pcap_next_ex(pcap.get(), &header, &data) == 1) {
      ++passed;
      const auto segment =
          decode_packet(link, {reinterpret_cast<const char*>(data), header->caplen}, header->len);
      EXPECT_TRUE(segment);
      if (segment) connections_.add(*segment, MonotonicTime(std::chrono::microseconds(header->ts.tv_usec)));
    }
    connections_.expire(MonotonicTime::max());
    return passed;
  }

  static std::vector<TcpFields> chat(TcpScript& script) {
    std::vector<TcpFields> out = script.open();
    out.push_back(script.ask(request("POST", "/api/chat", R"({"model":"m","messages":[]})")));
    out.push_back(script.answer(chunked_head("application/x-ndjson") + chunk(chat_token("a"))));
    out.push_back(script.answer(chunk(kChatFinal) + std::string(kLastChunk)));
    out.push_back(script.client_fin());
    out.push_back(script.server_fin());
    return out;
  }

  TempTree tree_;
  RequestIds ids_;
  EventLog log_;
  Connections connections_{{ids_, log_.sink(), nullptr, {}}};
};

TEST_F(Replay, EachLinkLayerAndFamily) {
  for (const int link : {kEthernet, kSll}) {
    for (const bool v6 : {false, true}) {
      log_.clear();
      TcpScript script(static_cast<std::uint16_t>(link * 2 + (v6 ? 1 : 0)));
      if (v6) {
        script.client_address = "fd00::2";
        script.server_address = "fd00::1";
      }
      CaptureFile file(link);
      for (const TcpFields& f : chat(script)) file.add(f);
      EXPECT_EQ(replay(file, {{"s", 11434, false, {*parse_ip_address(script.server_address)}}}), 7);
      ASSERT_EQ(log_.ended().size(), 1U);
      EXPECT_EQ(log_.ended()[0].counts->output_tokens, 3);
    }
  }
}

TEST_F(Replay, AcknowledgementsAndOtherPortsDoNotPassTheFilter) {
  TcpScript script;
  CaptureFile file(kSll);
  for (const TcpFields& f : chat(script)) file.add(f);
  TcpFields only_acknowledges;
  only_acknowledges.flags = kAck;
  only_acknowledges.payload = "";
  file.add(only_acknowledges);
  only_acknowledges.source = only_acknowledges.destination = "fd00::1";
  file.add(only_acknowledges);
  TcpFields elsewhere;
  elsewhere.destination_port = 22;
  elsewhere.payload = "x";
  file.add(elsewhere);
  EXPECT_EQ(
      replay(file, {{"s", 11434, false, {*parse_ip_address("10.0.0.1"), *parse_ip_address("fd00::1")}}}), 7);
  EXPECT_EQ(log_.ended().size(), 1U);
}

TEST_F(Replay, OneContainerRequestOnTwoInterfacesBesideThePublishedPort) {
  TcpScript inside;
  inside.server_address = "172.17.0.2";
  inside.client_address = "192.168.1.7";
  TcpScript outside = inside;
  outside.server_address = "192.168.1.5";
  outside.server_port = 3002;
  CaptureFile file(kSll);
  const auto before_nat = chat(outside);
  const auto behind_nat = chat(inside);
  for (std::size_t i = 0; i < behind_nat.size(); ++i) {
    file.add(before_nat[i]);  // eth0
    file.add(behind_nat[i]);  // docker0
    file.add(behind_nat[i]);  // vethXXXX
  }
  EXPECT_EQ(replay(file, {{"127.0.0.1:3002", 11434, false, {*parse_ip_address("172.17.0.2")}}}), 14);
  ASSERT_EQ(log_.ended().size(), 1U);
  EXPECT_EQ(log_.all<RequestStarted>()[0].server, "127.0.0.1:3002");
}

}  // namespace
}  // namespace tegrascope
