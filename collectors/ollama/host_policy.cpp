#include "collectors/ollama/host_policy.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <utility>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

using boost::asio::ip::address;

std::optional<address> parse_literal(std::string_view text) {
  boost::system::error_code error;
  address parsed = boost::asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  if (parsed.is_v6() && parsed.to_v6().is_v4_mapped())
    parsed = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6());
  return parsed;
}

// RFC 1918 and RFC 4193.
bool is_private(const address& a) {
  if (a.is_v6()) return (a.to_v6().to_bytes()[0] & 0xfe) == 0xfc;
  const auto b = a.to_v4().to_bytes();
  return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168);
}

std::string_view without_port(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

bool is_below(std::string_view name, std::string_view suffix) {  // suffix: ".localhost"
  return name.size() > suffix.size() &&
         equals_ignoring_case(name.substr(name.size() - suffix.size()), suffix);
}

bool is_listed(std::string_view name, const HostPolicy& policy) {
  return std::any_of(policy.names.begin(), policy.names.end(), [&](std::string_view entry) {
    if (entry.size() > 2 && entry[0] == '*' && entry[1] == '.') return is_below(name, entry.substr(1));
    return equals_ignoring_case(entry, name);
  });
}

}  // namespace

HostPolicy make_host_policy(std::vector<std::string> allowed_hosts, std::string_view upstream_host,
                            std::string machine_name) {
  HostPolicy policy;
  policy.machine_name = std::move(machine_name);
  const bool any = std::find(allowed_hosts.begin(), allowed_hosts.end(), "*") != allowed_hosts.end();
  policy.check = !any && (!allowed_hosts.empty() || is_loopback_host(upstream_host));
  policy.names = std::move(allowed_hosts);
  return policy;
}

bool host_allowed(std::string_view host, std::string_view own_address, const HostPolicy& policy) {
  if (!policy.check || host.empty()) return true;
  const std::string_view name = without_port(host);
  if (is_listed(name, policy)) return true;
  if (const auto literal = parse_literal(name)) {
    return literal->is_loopback() || literal->is_unspecified() || is_private(*literal) ||
           literal == parse_literal(own_address);
  }
  if (equals_ignoring_case(name, "localhost")) return true;
  if (!policy.machine_name.empty() && equals_ignoring_case(name, policy.machine_name)) return true;
  constexpr std::array<std::string_view, 3> kLocal{".localhost", ".local", ".internal"};
  return std::any_of(kLocal.begin(), kLocal.end(), [&](auto suffix) { return is_below(name, suffix); });
}

bool is_loopback_host(std::string_view host) {
  if (equals_ignoring_case(host, "localhost")) return true;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto literal = parse_literal(host);
  return literal && literal->is_loopback();
}

}  // namespace tegrascope
