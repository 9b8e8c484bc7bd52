#include "exporters/http/listen_address.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace tegrascope {
namespace {

namespace asio = boost::asio;

[[noreturn]] void refuse(const std::string& address) {
  throw std::invalid_argument(
      "--web.listen-address: '" + address +
      "' is no address to listen on; write ADDRESS:PORT, for example 127.0.0.1:11480, "
      "[::1]:11480 or :11480 for every interface");
}

asio::ip::address host_address(std::string_view host, const std::string& whole) {
  if (host.empty()) return asio::ip::address_v6::any();
  if (host == "localhost") return asio::ip::address_v4::loopback();
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  const std::string literal{bracketed ? host.substr(1, host.size() - 2) : host};
  boost::system::error_code error;
  const auto address = asio::ip::make_address(literal, error);
  if (error || address.is_v6() != bracketed) refuse(whole);
  return address;
}

}  // namespace

asio::ip::tcp::endpoint parse_listen_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) refuse(address);
  const std::string_view port_text = std::string_view{address}.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc{} || end != port_text.data() + port_text.size() || port > 65535) refuse(address);
  return {host_address(std::string_view{address}.substr(0, colon), address),
          static_cast<std::uint16_t>(port)};
}

std::string listen_failure(const std::string& address, boost::system::error_code error) {
  std::string advice = "choose another one with --web.listen-address";
  if (error == asio::error::address_in_use) {
    advice =
        "stop the program that listens there (ss -ltnp shows it) or choose another port with "
        "--web.listen-address";
  } else if (error == asio::error::access_denied) {
    advice = "choose a port from 1024 on with --web.listen-address";
  } else if (error == asio::error::address_family_not_supported) {
    advice = "this machine has no IPv6: write 0.0.0.0:PORT instead";
  } else if (error.value() == EADDRNOTAVAIL) {
    advice =
        "this machine does not have that address; choose one of its own (ip addr) with --web.listen-address";
  }
  return "cannot listen on " + address + ": " + error.message() + "; " + advice;
}

}  // namespace tegrascope
