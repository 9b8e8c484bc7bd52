// A temporary directory tree in the form of a board's proc/, sys/ and etc/.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "collectors/collector.hpp"

namespace tegrascope::test {

class TempTree {
 public:
  TempTree() {
    std::string name = (std::filesystem::temp_directory_path() / "tegrascope-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed for " + name);
    root_ = name;
  }
  ~TempTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path path(std::string_view relative) const { return root_ / relative; }
  HostPaths host_paths() const { return {root_ / "proc", root_ / "sys", root_, {}}; }

  // Creates the folders and writes the file; an existing file is rewritten in place.
  void write(std::string_view relative, std::string_view text) const {
    const auto file = root_ / relative;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  }
  // Puts a new file in the place of the old one by rename.
  void replace(std::string_view relative, std::string_view text) const {
    write("replacement", text);
    std::filesystem::rename(root_ / "replacement", root_ / relative);
  }
  void make_fifo(std::string_view relative) const {
    const auto file = root_ / relative;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::remove(file);
    if (::mkfifo(file.c_str(), 0600) != 0) throw std::runtime_error("mkfifo failed for " + file.string());
  }
  void remove(std::string_view relative) const { std::filesystem::remove_all(root_ / relative); }
  void link(std::string_view relative, std::string_view target) const {
    const auto file = root_ / relative;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  }

 private:
  std::filesystem::path root_;
};

}  // namespace tegrascope::test
