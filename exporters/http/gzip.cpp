#include "exporters/http/gzip.hpp"

#include <zlib.h>

#include <cctype>
#include <optional>
#include <stdexcept>

namespace tegrascope {
namespace {

constexpr int kGzipWindow = 15 + 16;  // deflateInit2: 32 KiB, with gzip's header
constexpr int kMemoryLevel = 8;       // zlib's default

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(a[i])) != b[i]) return false;
  return true;
}

// ";q=0", ";q=0.000"
bool has_weight_zero(std::string_view parameters) {
  const std::size_t q = parameters.find_first_of("qQ");
  if (q == std::string_view::npos) return false;
  const std::size_t equals = parameters.find('=', q);
  if (equals == std::string_view::npos) return false;
  const std::string_view weight = trimmed(parameters.substr(equals + 1));
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

std::string gzip(std::string_view text) {
  z_stream stream{};
  // The fastest level: a page of metrics shrinks to a tenth all the same.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot compress: no memory");
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("zlib did not finish");
  return out;
}

bool accepts_gzip(std::string_view field) {
  std::optional<bool> anything;
  while (!field.empty()) {
    const std::size_t comma = field.find(',');
    const std::string_view item = field.substr(0, comma);
    field = comma == std::string_view::npos ? std::string_view{} : field.substr(comma + 1);
    const std::size_t semicolon = item.find(';');
    const std::string_view coding = trimmed(item.substr(0, semicolon));
    const bool wanted = semicolon == std::string_view::npos || !has_weight_zero(item.substr(semicolon));
    if (same_word(coding, "gzip") || same_word(coding, "x-gzip")) return wanted;
    if (coding == "*") anything = wanted;
  }
  return anything.value_or(false);
}

}  // namespace tegrascope
