// What the agent's user may not read without help, and how to grant it: the one table that `tegrascope read` prints
// from and docs/permissions.md repeats. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tegrascope {

struct Permission {
  std::string_view name;
  std::string_view paths;  // a part of the path; empty: every other file
  std::string_view grant;  // how to let the agent read it
};

std::span<const Permission> permissions();

// How to grant what is refused; `path` may be empty.
std::string_view grant_for(std::string_view collector, std::string_view path);

}  // namespace tegrascope
