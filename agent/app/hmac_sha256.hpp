// HMAC with SHA-256 (RFC 2104, FIPS 180-4), for the web hook's signature: one hash is no reason for a library. Any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tegrascope {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
Sha256 hmac_sha256(std::string_view key, std::string_view data);
std::string to_hex(const Sha256& digest);

}  // namespace tegrascope
