// Listening TCP sockets as PROCFS/PID/net/tcp and tcp6 list them. Anybody may read those of any process, also
// where ns/net, fd and environ need ptrace rights (fs/proc/proc_net.c).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tegrascope {

struct ListeningSocket {
  std::string address;  // "0.0.0.0", "127.0.0.1", "::", "::1", ...
  std::uint16_t port = 0;
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;
};

struct SocketTable {
  std::vector<ListeningSocket> listening;
  std::set<std::uint64_t>
      inodes;  // of all its sockets, whatever their state; unique across network namespaces
};

// One file's text; lines that cannot be read are left out.
void parse_socket_table(std::string_view text, SocketTable& out);

// DIR/tcp and DIR/tcp6. Absent: neither can be read.
std::optional<SocketTable> read_socket_table(const std::filesystem::path& directory);

// The namespace's own IPv4 addresses but loopback, from the text of PROCFS/PID/net/fib_trie.
std::set<std::string> parse_local_addresses(std::string_view fib_trie);

}  // namespace tegrascope
