#include "collectors/ollama/server_address.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

namespace tegrascope {
namespace {

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view ignored = " \t\r\n\"'";
  const std::size_t begin = s.find_first_not_of(ignored);
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(ignored) - begin + 1);
}

std::optional<std::uint16_t> parse_port(std::string_view s) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc{} || end != s.data() + s.size() || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

// Splits host, host:port, [v6]:port and bare v6 addresses.
HostAndPort split(std::string_view s) {
  if (s.starts_with('[')) {
    const std::size_t close = s.find(']');
    if (close == std::string_view::npos) return {s, std::nullopt};
    const std::string_view rest = s.substr(close + 1);
    return {s.substr(1, close - 1), rest.starts_with(':') ? std::optional{rest.substr(1)} : std::nullopt};
  }
  const std::size_t colon = s.find(':');
  if (colon == std::string_view::npos || s.find(':', colon + 1) != std::string_view::npos)
    return {s, std::nullopt};
  return {s.substr(0, colon), s.substr(colon + 1)};
}

bool valid_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  });
}

[[noreturn]] void refuse(std::string_view url, std::string_view why) {
  const std::size_t at = url.rfind('@');
  const std::string shown =
      at == std::string_view::npos ? std::string{url} : "..." + std::string{url.substr(at)};
  throw std::invalid_argument("--ollama.url: '" + shown + "' " + std::string{why} +
                              "; write http://HOST:PORT, for example http://127.0.0.1:11434, or auto");
}

}  // namespace

ServerAddress parse_ollama_host(std::string_view value) {
  ServerAddress address;
  std::string_view rest = trimmed(value);
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (rest.substr(0, scheme) == "http") address.port = 80;
    if (rest.substr(0, scheme) == "https") address.port = 443;
    rest = rest.substr(scheme + 3);
  }
  const auto [host, port] = split(rest.substr(0, rest.find('/')));
  if (!host.empty()) address.host = std::string{host};
  if (host.empty() && port) address.host = "0.0.0.0";  // Go listens on every interface for ":port"
  if (port) address.port = parse_port(*port).value_or(address.port);
  return address;
}

ServerAddress connectable(ServerAddress address) {
  const std::string& h = address.host;
  if (h.empty() || h == "0.0.0.0" || h == "::" || h == "localhost") address.host = "127.0.0.1";
  return address;
}

std::string host_port(const ServerAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

OllamaServer server_at(const ServerAddress& address) {
  const std::string name = host_port(address);
  return {name, "http://" + name, 0};
}

std::optional<ServerAddress> address_of_url(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return std::nullopt;
  const auto [host, port] = split(url.substr(scheme.size()));
  const std::optional<std::uint16_t> number = port ? parse_port(*port) : std::uint16_t{80};
  if (!valid_host(host) || !number || *number == 0) return std::nullopt;
  return ServerAddress{std::string{host}, *number};
}

OllamaServer server_from_url(std::string_view url) {
  if (url.empty()) refuse(url, "is empty");
  if (url.starts_with("https://")) refuse(url, "uses https, which Ollama itself does not speak");
  if (!url.starts_with("http://")) refuse(url, "does not begin with http://");
  if (url.find('@') != std::string_view::npos) refuse(url, "holds a user name or password");
  while (url.ends_with('/') && url.size() > 8) url.remove_suffix(1);
  const std::string_view rest = url.substr(7);
  if (rest.find_first_of("/?#") != std::string_view::npos) refuse(url, "has a path");
  const std::optional<ServerAddress> address = address_of_url(url);
  if (!address) refuse(url, "has no valid host and port");
  return server_at(*address);
}

}  // namespace tegrascope
