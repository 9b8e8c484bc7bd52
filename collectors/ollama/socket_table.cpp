#include "collectors/ollama/socket_table.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <sstream>

#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

constexpr std::string_view kListen = "0A";

template <typename T>
std::optional<T> number(std::string_view s, int base) {
  T value{};
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value, base);
  if (error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return value;
}

// The kernel prints each 32-bit word of the address in host order.
std::optional<std::string> parse_address(std::string_view hex) {
  if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i * 8 < hex.size(); ++i) {
    const auto word = number<std::uint32_t>(hex.substr(i * 8, 8), 16);
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = hex.size() == 8 ? AF_INET : AF_INET6;
  if (inet_ntop(family, words.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  std::string address = text.data();
  if (address.starts_with("::ffff:") && address.find('.') != std::string::npos) address = address.substr(7);
  return address;
}

void parse_line(const std::string& line, SocketTable& out) {
  std::istringstream fields{line};
  std::array<std::string, 10> f;  // sl local remote st queues timer retransmits uid timeout inode
  for (std::string& field : f) {
    if (!(fields >> field)) return;
  }
  const std::size_t colon = f[1].find(':');
  const auto inode = number<std::uint64_t>(f[9], 10);
  if (colon == std::string::npos || !inode) return;
  if (*inode != 0) out.inodes.insert(*inode);
  if (f[3] != kListen) return;
  const std::string_view local = f[1];
  const auto address = parse_address(local.substr(0, colon));
  const auto port = number<std::uint16_t>(local.substr(colon + 1), 16);
  const auto uid = number<std::uint32_t>(f[7], 10);
  if (address && port && uid) out.listening.push_back({*address, *port, *uid, *inode});
}

}  // namespace

void parse_socket_table(std::string_view text, SocketTable& out) {
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) parse_line(line, out);
}

std::optional<SocketTable> read_socket_table(const std::filesystem::path& directory) {
  SocketTable table;
  bool readable = false;
  for (const char* name : {"tcp", "tcp6"}) {
    if (const auto text = read_whole(directory / name)) {
      readable = true;
      parse_socket_table(*text, table);
    }
  }
  if (!readable) return std::nullopt;
  return table;
}

std::set<std::string> parse_local_addresses(std::string_view fib_trie) {
  std::set<std::string> addresses;
  std::istringstream lines{std::string{fib_trie}};
  std::string previous;
  for (std::string line; std::getline(lines, line); previous = line) {
    if (line.find("/32 host LOCAL") == std::string::npos) continue;
    const std::size_t dash = previous.rfind(' ');
    const std::string address = dash == std::string::npos ? previous : previous.substr(dash + 1);
    in_addr parsed{};
    if (inet_pton(AF_INET, address.c_str(), &parsed) == 1 && !address.starts_with("127."))
      addresses.insert(address);
  }
  return addresses;
}

}  // namespace tegrascope
