// Which names clients may use for the relay in their Host field. A web page whose name an attacker points at this
// machine (DNS rebinding, CVE-2024-28224) always shows that name there. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tegrascope {

struct HostPolicy {
  bool check = false;        // false: every Host passes
  std::string machine_name;  // of this machine, as gethostname(2) says; empty: unknown
  std::vector<std::string>
      names;  // allowed beyond Ollama's own list; "*.home.lan" is every name below home.lan
};

// The policy of --relay.allowed-hosts. Nothing given: Ollama's list when Ollama is reached on loopback (bound
// there it checks by itself; the relay must not open what it keeps shut), no check otherwise, as Ollama does.
// Names given: Ollama's list and those. "*": no check.
HostPolicy make_host_policy(std::vector<std::string> allowed_hosts, std::string_view upstream_host,
                            std::string machine_name);

// `host`: value of a Host field that check_request_head() has passed, port included. `own_address`: the address
// of this machine that the client connected to. Ollama's list (allowedHostsMiddleware in server/routes.go): no
// host at all, localhost, the machine's name, names below .localhost, .local and .internal; addresses that are
// loopback, private, unspecified or the machine's own.
bool host_allowed(std::string_view host, std::string_view own_address, const HostPolicy& policy);

// 127.0.0.0/8, ::1, localhost.
bool is_loopback_host(std::string_view host);

}  // namespace tegrascope
