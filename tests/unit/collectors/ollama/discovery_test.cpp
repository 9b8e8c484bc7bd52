#include "collectors/ollama/discovery.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

// A procfs of our own in a temporary folder.
class Discovery : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "tegrascope-procfs-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    paths_.procfs = pattern;
  }
  void TearDown() override { fs::remove_all(paths_.procfs); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((paths_.procfs / path).parent_path());
    std::ofstream{paths_.procfs / path, std::ios::binary} << text;
  }

  // Words become NUL-terminated strings, as in cmdline and environ.
  static std::string strings(const std::string& words) {
    std::string text = words;
    for (char& c : text) c = c == ' ' ? '\0' : c;
    return text + '\0';
  }

  void serve(int pid, const std::string& environment = "PATH=/bin") const {
    write(std::to_string(pid) + "/cmdline", strings("/usr/local/bin/ollama serve"));
    write(std::to_string(pid) + "/environ", strings(environment));
  }
  // As for another user's process: no environ.
  void closed_serve(int pid) const {
    write(std::to_string(pid) + "/cmdline", strings("/usr/local/bin/ollama serve"));
  }
  // Each listener is "ADDRESS:PORT INODE", both parts of the address in the kernel's hex.
  void sockets(const std::string& process, const std::vector<std::string>& listeners) const {
    std::string text = "  sl  local_address rem_address   st ...\n";
    for (const std::string& l : listeners) {
      const std::size_t space = l.find(' ');
      text += " 0: " + l.substr(0, space) + " 00000000:0000 0A 0:0 00:0 0 " + std::to_string(getuid()) +
              " 0 " + l.substr(space + 1) + " 1\n";
    }
    write(process + "/net/tcp", text);
  }
  void addresses(int pid, const std::string& address) const {
    write(std::to_string(pid) + "/net/fib_trie",
          "Local:\n  |-- 127.0.0.1\n   /32 host LOCAL\n  |-- " + address + "\n   /32 host LOCAL\n");
  }
  void proxy(int pid, const std::string& host_ip, int host_port, const std::string& ip,
             int port = 11434) const {
    write(std::to_string(pid) + "/cmdline",
          strings("/usr/bin/docker-proxy -proto tcp -host-ip " + host_ip + " -host-port " +
                  std::to_string(host_port) + " -container-ip " + ip + " -container-port " +
                  std::to_string(port)));
  }

  std::string found() const {
    std::string list;
    for (const OllamaServer& s : discover_servers(paths_)) {
      list += (list.empty() ? "" : ", ") + s.url + " pid " + std::to_string(s.serve_pid);
    }
    return list;
  }

  HostPaths paths_;
};

TEST_F(Discovery, nothing_runs) {
  EXPECT_EQ(found(), "");
  write("7/cmdline", strings("/usr/bin/ollama run qwen"));
  write("8/cmdline", strings("/usr/local/bin/ollama runner --port 4000"));
  write("9/cmdline", "");
  EXPECT_EQ(found(), "");
}

TEST_F(Discovery, no_procfs_at_all) {
  paths_.procfs = "/nonexistent";
  EXPECT_TRUE(discover_servers(paths_).empty());
}

TEST_F(Discovery, native_on_the_default_port) {
  serve(812);
  EXPECT_EQ(found(), "http://127.0.0.1:11434 pid 812");
}

TEST_F(Discovery, native_where_OLLAMA_HOST_says) {
  serve(812, "HOME=/root OLLAMA_HOST=0.0.0.0:8080 LANG=C");
  serve(900, "OLLAMA_HOST=192.168.1.5");
  EXPECT_EQ(found(), "http://127.0.0.1:8080 pid 812, http://192.168.1.5:11434 pid 900");
}

TEST_F(Discovery, closed_environment_and_the_default_port_listens) {
  closed_serve(812);
  sockets("812", {"00000000:2CAA 41", "0100007F:9C40 42"});
  sockets("self", {"00000000:2CAA 41", "0100007F:9C40 42"});
  EXPECT_EQ(found(), "http://127.0.0.1:11434 pid 812");
}

TEST_F(Discovery, closed_environment_and_another_port_that_is_no_runners) {
  closed_serve(812);
  write("813/cmdline", strings("/usr/lib/ollama/llama-server --model /m/blobs/sha256-aa --port 40000"));
  sockets("812", {"0100007F:1F90 41", "0100007F:9C40 42"});
  sockets("self", {"0100007F:1F90 41", "0100007F:9C40 42"});
  EXPECT_EQ(found(), "http://127.0.0.1:8080 pid 812");
}

TEST_F(Discovery, closed_environment_and_several_candidates_is_no_guess) {
  closed_serve(812);
  sockets("812", {"0100007F:1F90 41", "0100007F:1F91 42"});
  EXPECT_EQ(found(), "");
}

// A container: its table and ours both list 11434 (a native Ollama runs too), with different sockets.
TEST_F(Discovery, published_port_of_a_container) {
  serve(4321, "OLLAMA_HOST=0.0.0.0:11434");
  serve(812);
  sockets("4321", {"00000000:2CAA 77"});
  addresses(4321, "172.17.0.2");
  sockets("812", {"0100007F:2CAA 41", "00000000:0BBA 50"});
  sockets("self", {"0100007F:2CAA 41", "00000000:0BBA 50"});
  proxy(4400, "0.0.0.0", 3002, "172.17.0.2");
  proxy(4406, "::", 3002, "172.17.0.2");
  EXPECT_EQ(found(), "http://127.0.0.1:11434 pid 812, http://127.0.0.1:3002 pid 4321");
  EXPECT_EQ(discover_servers(paths_)[1].name, "127.0.0.1:3002");
}

TEST_F(Discovery, without_any_socket_table_the_only_published_port_is_its) {
  closed_serve(4321);
  proxy(4400, "0.0.0.0", 3002, "172.17.0.2");
  EXPECT_EQ(found(), "http://127.0.0.1:3002 pid 4321");
  closed_serve(812);
  EXPECT_EQ(found(), "http://127.0.0.1:11434 pid 812");
}

TEST_F(Discovery, published_on_one_address_only) {
  serve(4321, "OLLAMA_HOST=0.0.0.0");
  sockets("4321", {"00000000:2CAA 77"});
  sockets("self", {"00000000:0BBA 50"});
  proxy(4400, "192.168.1.5", 3002, "172.17.0.2");
  EXPECT_EQ(found(), "http://192.168.1.5:3002 pid 4321");
}

TEST_F(Discovery, two_containers_are_told_apart_by_their_addresses) {
  for (int pid : {4321, 5321}) {
    serve(pid, "OLLAMA_HOST=0.0.0.0");
    sockets(std::to_string(pid), {"00000000:2CAA " + std::to_string(pid)});
  }
  addresses(4321, "172.17.0.2");
  addresses(5321, "172.17.0.3");
  sockets("self", {"00000000:0BBA 50"});
  proxy(4400, "0.0.0.0", 3002, "172.17.0.2");
  proxy(5400, "127.0.0.1", 3003, "172.17.0.3");
  EXPECT_EQ(found(), "http://127.0.0.1:3002 pid 4321, http://127.0.0.1:3003 pid 5321");
}

TEST_F(Discovery, an_unpublished_container_is_reached_at_its_own_address) {
  serve(4321, "OLLAMA_HOST=0.0.0.0");
  sockets("4321", {"00000000:2CAA 77"});
  addresses(4321, "172.17.0.2");
  sockets("self", {"00000000:0BBA 50"});
  EXPECT_EQ(found(), "http://172.17.0.2:11434 pid 4321");
}

TEST_F(Discovery, a_container_that_listens_on_its_loopback_cannot_be_reached) {
  serve(4321);
  sockets("4321", {"0100007F:2CAA 77"});
  addresses(4321, "172.17.0.2");
  sockets("self", {"00000000:0BBA 50"});
  EXPECT_EQ(found(), "");
}

TEST_F(Discovery, namespaces_decide_where_they_can_be_read) {
  serve(4321, "OLLAMA_HOST=0.0.0.0");
  fs::create_directories(paths_.procfs / "4321/ns");
  fs::create_directories(paths_.procfs / "self/ns");
  fs::create_symlink("net:[4026531840]", paths_.procfs / "self/ns/net");
  fs::create_symlink("net:[4026532500]", paths_.procfs / "4321/ns/net");
  proxy(4400, "0.0.0.0", 3002, "172.17.0.2");
  EXPECT_EQ(found(), "http://127.0.0.1:3002 pid 4321");
}

TEST_F(Discovery, pid_of_a_given_url_by_its_port) {
  serve(812);
  serve(900, "OLLAMA_HOST=0.0.0.0:8080");
  std::vector<OllamaServer> servers{server_from_url("http://localhost:8080"),
                                    server_from_url("http://127.0.0.1:11434"),
                                    server_from_url("http://127.0.0.1:9")};
  assign_serve_pid(servers, paths_);
  EXPECT_EQ(servers[0].serve_pid, 900);
  EXPECT_EQ(servers[1].serve_pid, 812);
  EXPECT_EQ(servers[2].serve_pid, 0);
}

TEST_F(Discovery, one_url_and_one_serve_belong_together) {
  serve(812);
  std::vector<OllamaServer> servers{server_from_url("http://127.0.0.1:40123")};
  assign_serve_pid(servers, paths_);
  EXPECT_EQ(servers[0].serve_pid, 812);
  serve(900, "OLLAMA_HOST=:8080");
  assign_serve_pid(servers, paths_);
  EXPECT_EQ(servers[0].serve_pid, 0);
}

}  // namespace
}  // namespace tegrascope
