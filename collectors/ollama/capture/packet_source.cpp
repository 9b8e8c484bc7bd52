#include "collectors/ollama/capture/packet_source.hpp"

#include <pcap/pcap.h>

#include <chrono>
#include <filesystem>
#include <system_error>

namespace tegrascope {
namespace {

constexpr int kSnapLength = 262144;
constexpr int kTimeoutMilliseconds = 100;
constexpr int kRingBytes = 4 * 1024 * 1024;
constexpr int kPacketsPerDispatch = 4096;

std::string own_program() {
  std::error_code ec;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec ? "tegrascope" : path.string();
}

std::string how_to_permit() {
  return "it needs CAP_NET_RAW: AmbientCapabilities=CAP_NET_RAW in the systemd unit, or `setcap "
         "cap_net_raw=ep " +
         own_program() + "`, or --cap-add=NET_RAW for a container";
}

void on_packet(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
  PacketSource::Packet packet;
  packet.frame = {reinterpret_cast<const char*>(bytes), header->caplen};
  packet.wire_length = header->len;
  packet.realtime = std::chrono::seconds(header->ts.tv_sec) + Nanoseconds(header->ts.tv_usec);
  (*reinterpret_cast<const PacketSource::Handler*>(user))(packet);
}

}  // namespace

struct PacketSource::Handle {
  pcap_t* pcap = nullptr;
  ~Handle() {
    if (pcap != nullptr) pcap_close(pcap);
  }
  std::string error() const { return pcap_geterr(pcap); }
};

PacketSource::PacketSource(const std::string& filter) : handle_(std::make_unique<Handle>()) {
  char text[PCAP_ERRBUF_SIZE] = "";
  pcap_t*& pcap = handle_->pcap;
  pcap = pcap_create("any", text);
  if (pcap == nullptr) throw std::runtime_error(std::string("packet capture cannot start: ") + text);
  pcap_set_snaplen(pcap, kSnapLength);
  pcap_set_promisc(pcap, 0);
  pcap_set_timeout(pcap, kTimeoutMilliseconds);
  pcap_set_buffer_size(pcap, kRingBytes);
  pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
  const int activated = pcap_activate(pcap);
  if (activated == PCAP_ERROR_PERM_DENIED || activated == PCAP_ERROR_PROMISC_PERM_DENIED) {
    throw CaptureForbidden("packet capture is not permitted; " + how_to_permit());
  }
  if (activated < 0) throw std::runtime_error("packet capture cannot start: " + handle_->error());
  const auto link = link_layer_of(pcap_datalink(pcap));
  if (!link) {
    throw std::runtime_error("packet capture cannot start: link layer " +
                             std::to_string(pcap_datalink(pcap)) + " of the device any is not known");
  }
  link_ = *link;
  set_filter(filter);
  if (pcap_setnonblock(pcap, 1, text) != 0) {
    throw std::runtime_error(std::string("packet capture cannot start: ") + text);
  }
}

PacketSource::~PacketSource() = default;

void PacketSource::set_filter(const std::string& filter) {
  bpf_program program{};
  if (pcap_compile(handle_->pcap, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw std::runtime_error("packet filter '" + filter + "' was refused: " + handle_->error());
  }
  const int set = pcap_setfilter(handle_->pcap, &program);
  pcap_freecode(&program);
  if (set != 0) throw std::runtime_error("packet filter '" + filter + "' was refused: " + handle_->error());
}

int PacketSource::descriptor() const { return pcap_get_selectable_fd(handle_->pcap); }

int PacketSource::dispatch(const Handler& handler) {
  auto* user = reinterpret_cast<u_char*>(const_cast<Handler*>(&handler));
  const int count = pcap_dispatch(handle_->pcap, kPacketsPerDispatch, on_packet, user);
  if (count < 0) throw std::runtime_error("packet capture failed: " + handle_->error());
  return count;
}

std::uint64_t PacketSource::dropped() const {
  pcap_stat stats{};
  return pcap_stats(handle_->pcap, &stats) == 0 ? stats.ps_drop : 0;
}

}  // namespace tegrascope
