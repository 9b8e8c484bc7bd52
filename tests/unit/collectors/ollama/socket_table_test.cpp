#include "collectors/ollama/socket_table.hpp"

#include <gtest/gtest.h>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 41234 1 0 "
    "100 0 0 10 0\n"
    "   1: 0100007F:2CAA 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   998        0 41300 1 0 20 "
    "4 30 10 -1\n"
    "   2: 020200C0:A152 507100CB:0050 06 00000000:00000000 03:00001720 00000000     0        0 0 3 0\n"
    "   3: cut off\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address                         remote_address                        st tx_queue rx_queue "
    "tr tm->when\n"
    "   0: 00000000000000000000000000000000:2CAA 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 "
    "00000000     0        0 5001 1 0 100 0 0 10 0\n"
    "   1: 00000000000000000000000001000000:0BBA 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 "
    "00000000     0        0 5002 1 0 100 0 0 10 0\n";

TEST(SocketTable, listening_sockets_and_all_inodes) {
  SocketTable table;
  parse_socket_table(kTcp, table);
  ASSERT_EQ(table.listening.size(), 1u);
  EXPECT_EQ(table.listening[0].address, "127.0.0.1");
  EXPECT_EQ(table.listening[0].port, 11434);
  EXPECT_EQ(table.listening[0].uid, 998u);
  EXPECT_EQ(table.listening[0].inode, 41234u);
  EXPECT_EQ(table.inodes, (std::set<std::uint64_t>{41234, 41300}));
}

TEST(SocketTable, ipv6) {
  SocketTable table;
  parse_socket_table(kTcp6, table);
  ASSERT_EQ(table.listening.size(), 2u);
  EXPECT_EQ(table.listening[0].address, "::");
  EXPECT_EQ(table.listening[1].address, "::1");
  EXPECT_EQ(table.listening[1].port, 3002);
}

TEST(SocketTable, a_folder_without_tables_is_absent) { EXPECT_FALSE(read_socket_table("/nonexistent")); }

TEST(SocketTable, a_table_of_many_pages_is_read_to_its_end) {
  test::TempTree tree;
  std::string text(kTcp);
  const std::string line = text.substr(text.find("   1:"), text.find("   2:") - text.find("   1:"));
  for (int i = 0; i < 2000; ++i) text += line;
  text += std::string(kTcp).replace(0, kTcp.find("   0:"), "").replace(6, 8, "0200007F");
  tree.write("net/tcp", text);
  const auto table = read_socket_table(tree.path("net"));
  ASSERT_TRUE(table);
  ASSERT_EQ(table->listening.size(), 2u);
  EXPECT_EQ(table->listening[1].address, "127.0.0.2");
}

TEST(SocketTable, what_would_block_is_not_opened) {
  test::TempTree tree;
  tree.make_fifo("net/tcp");
  tree.write("net/tcp6", kTcp6);
  const auto table = read_socket_table(tree.path("net"));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->listening.size(), 2u);
}

TEST(SocketTable, own_addresses) {
  EXPECT_EQ(parse_local_addresses("Local:\n"
                                  "     +-- 127.0.0.0/8 2 0 2\n"
                                  "        |-- 127.0.0.1\n"
                                  "           /32 host LOCAL\n"
                                  "        |-- 172.17.0.2\n"
                                  "           /32 host LOCAL\n"
                                  "        |-- 172.17.255.255\n"
                                  "           /32 link BROADCAST\n"),
            std::set<std::string>{"172.17.0.2"});
  EXPECT_TRUE(parse_local_addresses("").empty());
}

}  // namespace
}  // namespace tegrascope
