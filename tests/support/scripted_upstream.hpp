// TCP peers that a test drives step by step: a client, and a server that says exactly what the test tells it,
// when the test tells it. Every wait ends after kDeadline with std::runtime_error, so a test fails instead of
// hanging.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/eventually.hpp"

namespace tegrascope::test {

// A connected loopback socket.
class TcpPeer {
 public:
  explicit TcpPeer(int fd) : fd_(fd) {}
  TcpPeer(TcpPeer&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  TcpPeer& operator=(TcpPeer&& other) noexcept;
  TcpPeer(const TcpPeer&) = delete;
  ~TcpPeer() { close(); }

  static TcpPeer connect(std::uint16_t port);

  void send(std::string_view bytes);  // all of them
  std::string read_some();            // at least one byte; empty at FIN
  std::string read_exactly(std::size_t count);
  std::string read_until(std::string_view end);  // up to `end`, included
  std::string read_to_end();                     // up to FIN
  bool has_bytes_now() const;                    // something (bytes, FIN or RST) can be read without waiting

  enum class End { fin, reset };
  End wait_for_end();  // drops bytes that still come

  void finish_sending();  // FIN; reading goes on
  void close();           // FIN (RST when bytes are unread)
  void reset();           // RST

 private:
  void wait_readable() const;
  int fd_;
};

class ScriptedUpstream {
 public:
  explicit ScriptedUpstream(std::uint16_t port = 0);  // 0: any free one
  ~ScriptedUpstream();
  ScriptedUpstream(const ScriptedUpstream&) = delete;

  std::uint16_t port() const { return port_; }
  int descriptor() const { return fd_; }
  TcpPeer accept();
  bool has_connection_now() const;  // one waits to be accepted
  void stop_listening();            // further connections are refused

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace tegrascope::test
