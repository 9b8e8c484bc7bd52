// Files that may not be read, for tests that root runs too.
#pragma once

#include <sys/fsuid.h>

namespace tegrascope::test {

// While it lives this thread opens files as a stranger and without root's right to open all. Another user than root is
// left as it is.
class NoRootRights {
 public:
  NoRootRights() : user_(static_cast<uid_t>(::setfsuid(kNobody))) {}
  ~NoRootRights() { ::setfsuid(user_); }
  NoRootRights(const NoRootRights&) = delete;
  NoRootRights& operator=(const NoRootRights&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  const uid_t user_;
};

}  // namespace tegrascope::test
