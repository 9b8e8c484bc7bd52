// A stand-in for Ollama that a test can start in a network namespace: stream_server ADDRESS PORT PORTFILE
// POST /api/chat streams as many tokens as the body's num_predict says (5 when it says nothing), each in a write
// of its own and num_delay_ms milliseconds apart, then the final object; anything else is answered with an empty list of models.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace {

int number_behind(const std::string& text, const std::string& key, int otherwise) {
  const std::size_t at = text.find("\"" + key + "\":");
  return at == std::string::npos ? otherwise : std::atoi(text.c_str() + at + key.size() + 3);
}

bool send_all(int fd, const std::string& text) {
  return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string chunk(const std::string& line) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", line.size() + 1);
  return size + line + "\n\r\n";
}

void stream(int fd, const std::string& body) {
  const int tokens = number_behind(body, "num_predict", 5);
  const int delay = number_behind(body, "num_delay_ms", 1);
  send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < tokens; ++i) {
    const timespec pause{delay / 1000, delay % 1000 * 1000000L};
    ::nanosleep(&pause, nullptr);
    if (!send_all(fd, chunk(R"({"model":"tiny","message":{"role":"assistant","content":"t"},"done":false})")))
      return;
  }
  send_all(fd, chunk(R"({"model":"tiny","message":{"content":""},"done":true,"done_reason":"stop",)"
                     R"("total_duration":9000000,"prompt_eval_count":11,"eval_count":)" +
                     std::to_string(tokens) + R"(,"eval_duration":8000000})") +
                   "0\r\n\r\n");
}

void serve(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const std::size_t head = bytes.find("\r\n\r\n");
    const std::size_t length_at = bytes.find("Content-Length: ");
    const std::size_t length =
        length_at < head ? std::strtoul(bytes.c_str() + length_at + 16, nullptr, 10) : 0;
    if (head != std::string::npos && bytes.size() >= head + 4 + length) {
      const std::string body = bytes.substr(head + 4, length);
      if (bytes.starts_with("POST /api/chat ")) {
        stream(fd, body);
      } else {
        send_all(
            fd,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"models\":[]}");
      }
      bytes.erase(0, head + 4 + length);
      continue;
    }
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 64) != 0) {
    std::perror("stream_server");
    return 1;
  }
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::ofstream(argv[3]) << ntohs(address.sin_port) << std::endl;
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) std::thread(serve, fd).detach();
  }
}
