#include "collectors/linux/birth_watch.hpp"

#include <unistd.h>

#include <utility>

#include "collectors/read_watch.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kFields = 5;  // "0.42 0.36 0.30 1/512 26017"

}  // namespace

BirthWatch::BirthWatch(const std::filesystem::path& procfs) : procfs_(procfs), loadavg_(procfs / "loadavg") {}

std::optional<std::int64_t> BirthWatch::last_pid() {
  if (!own_namespace_) {
    const std::filesystem::path self = procfs_ / "self";
    const WatchedRead watched(self);
    if (watched.refused()) return std::nullopt;
    std::error_code error;
    own_namespace_ = std::filesystem::read_symlink(self, error) == std::to_string(::getpid()) && !error;
  }
  if (!*own_namespace_) return std::nullopt;
  const auto text = loadavg_.read_text(buffer_);
  if (!text) return std::nullopt;
  const auto fields = split_fields(trim(*text));
  return fields.size() == kFields ? to_integer<std::int64_t>(fields.back()) : std::nullopt;
}

bool BirthWatch::may_have_births() {
  const auto now = last_pid();
  const bool same = now && now == last_;
  last_ = now;
  return !std::exchange(settled_, same) || !same;
}

}  // namespace tegrascope
