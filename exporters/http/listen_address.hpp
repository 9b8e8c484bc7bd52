// Addresses of --web.listen-address.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <string>

namespace tegrascope {

// 127.0.0.1:11480, [::1]:11480, localhost:11480 (IPv4) or :11480 (every interface, IPv4 and IPv6 where the
// system maps them). Host names are not resolved. Throws std::invalid_argument, which names the flag, the address
// and the right form.
boost::asio::ip::tcp::endpoint parse_listen_address(const std::string& address);

// Why `address` cannot be listened on, and what to do.
std::string listen_failure(const std::string& address, boost::system::error_code error);

}  // namespace tegrascope
