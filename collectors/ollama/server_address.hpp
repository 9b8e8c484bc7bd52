// Where an Ollama server listens, as its environment says it, and where to connect to. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/ollama.hpp"

namespace tegrascope {

struct ServerAddress {
  std::string host = "127.0.0.1";  // without brackets
  std::uint16_t port = 11434;
};

// A value of OLLAMA_HOST, read as Ollama reads it (envconfig/config.go, Host()): host, host:port, :port,
// http://host:port; without a scheme the port is 11434, after http:// 80 and after https:// 443. A port that
// is none is the default port.
ServerAddress parse_ollama_host(std::string_view value);

// The address to connect to on this machine: 0.0.0.0, ::, an empty host and localhost become 127.0.0.1.
ServerAddress connectable(ServerAddress address);

// host:port, with brackets around IPv6: the `server` label.
std::string host_port(const ServerAddress& address);

// Server with that name and URL; its serve_pid stays 0.
OllamaServer server_at(const ServerAddress& address);

// Host and port of an http:// URL made by server_at() or server_from_url(); absent when it is none.
std::optional<ServerAddress> address_of_url(std::string_view url);

// A value of --ollama.url: http://HOST[:PORT], port 80 when left out. Throws std::invalid_argument, which
// names the value and the right form; a password in it is not repeated.
OllamaServer server_from_url(std::string_view url);

}  // namespace tegrascope
