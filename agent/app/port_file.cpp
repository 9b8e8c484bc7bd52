#include "agent/app/port_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace tegrascope {

PortFile::PortFile(std::string path, const std::vector<std::uint16_t>& ports) {
  if (path.empty()) return;
  const std::string temporary = path + ".new";
  std::ofstream out(temporary, std::ios::trunc);
  for (const std::uint16_t port : ports) out << port << '\n';
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(temporary.c_str());
    throw std::runtime_error("cannot write the port file " + path + ": " + std::strerror(error) +
                             "; name a file in a directory that may be written");
  }
  path_ = std::move(path);
}

PortFile::PortFile(PortFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

PortFile& PortFile::operator=(PortFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

PortFile::~PortFile() {
  if (!path_.empty()) std::remove(path_.c_str());
}

}  // namespace tegrascope
