// What can be wrong with a sensor file.
#pragma once

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tegrascope::test {

struct Fault {
  enum class Kind {
    unreadable,  // an error of the kernel, or no answer at all
    no_value,    // the kernel's way to say that there is none now
    wrong_text,
    gone
  };
  const char* name;
  Kind kind;
  const char* text;  // marks in brackets: failing_pread.cpp
};

// "blocks" is the last: a sampler does not come back to the file.
inline constexpr std::array<Fault, 11> kFaults{
    {{"FIFO", Fault::Kind::unreadable, ""},
     {"EAGAIN", Fault::Kind::no_value, "(EAGAIN)"},
     {"EINVAL", Fault::Kind::unreadable, "(EINVAL)"},
     {"ENODATA", Fault::Kind::no_value, "(ENODATA)"},
     {"EIO", Fault::Kind::unreadable, "(EIO)"},
     {"garbage", Fault::Kind::wrong_text, "no \x01number\n"},
     {"empty", Fault::Kind::wrong_text, ""},
     {"vanishes", Fault::Kind::gone, ""},
     {"overflow", Fault::Kind::wrong_text, "99999999999999999999\n"},
     {"negative", Fault::Kind::wrong_text, "-5\n"},
     {"blocks", Fault::Kind::unreadable, "(BLOCK)"}}};

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// In one step, so that nobody reads half of it.
inline void put_in_place(const std::filesystem::path& file, const std::string& text) {
  const auto fresh = file.parent_path() / ".fresh";
  std::ofstream(fresh, std::ios::binary) << text;
  std::filesystem::rename(fresh, file);
}

inline void break_file(const std::filesystem::path& file, const Fault& fault) {
  if (fault.kind == Fault::Kind::gone) {
    std::filesystem::remove(file);
  } else if (std::string(fault.name) == "FIFO") {
    const auto fresh = file.parent_path() / ".fresh";
    if (::mkfifo(fresh.c_str(), 0600) != 0) throw std::runtime_error("mkfifo failed for " + fresh.string());
    std::filesystem::rename(fresh, file);
  } else {
    put_in_place(file, fault.text);
  }
}

}  // namespace tegrascope::test
