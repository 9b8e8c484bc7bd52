// A file that tells which ports were chosen: a decimal port and a newline, a line per listener in the order
// of the flags.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tegrascope {

class PortFile {
 public:
  PortFile() = default;
  // Written beside the path and renamed into place; throws std::runtime_error naming the path. Empty path:
  // nothing.
  PortFile(std::string path, const std::vector<std::uint16_t>& ports);
  PortFile(PortFile&& other) noexcept;
  PortFile& operator=(PortFile&& other) noexcept;
  ~PortFile();  // removes it

 private:
  std::string path_;
};

}  // namespace tegrascope
