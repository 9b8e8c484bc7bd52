// A file that is rewritten while others keep it open and pread it at offset 0, as they do with sysfs and
// procfs.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace tegrascope::simulator {

// Each write is one pwrite at offset 0, padded with newlines to the longest text so far: no truncation, no
// rename, so a reader with an open descriptor sees every update and never an empty or shortened file. Lengths
// are multiples of 8 bytes: the kernel copies words, so a single value of up to 7 characters is never torn
// (measured on ext4 and tmpfs: 0 of 5 million racing reads; a text of 1.5 kB showed old and new lines mixed
// in 1 of 100 reads that raced a write). One thread at a time.
class InPlaceFile {
 public:
  // Creates the file with its folders and first text. Throws std::system_error naming the path.
  InPlaceFile(const std::filesystem::path& path, std::string_view text);
  ~InPlaceFile();
  InPlaceFile(InPlaceFile&& other) noexcept;
  InPlaceFile& operator=(InPlaceFile&&) = delete;

  // Does nothing when the text is the one written last. Throws std::system_error when the disk is full.
  void write(std::string_view text);

 private:
  int fd_ = -1;
  std::vector<char> buffer_;  // what the file holds
};

}  // namespace tegrascope::simulator
