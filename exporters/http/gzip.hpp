// Compression of HTTP bodies (RFC 1952), and whether a client wants it.
#pragma once

#include <string>
#include <string_view>

namespace tegrascope {

// Throws std::runtime_error when zlib fails, which it does for want of memory only.
std::string gzip(std::string_view text);

// An Accept-Encoding field asks for gzip or for anything, with a weight other than 0 (RFC 9110, 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace tegrascope
