// A copy of the fake libnvidia-ml.so (fake_nvml.cpp) for one test, with its answers beside it.
#pragma once

#include <dlfcn.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {

class FakeNvml {
 public:
  // `built`: the library's file, TEGRASCOPE_FAKE_NVML or TEGRASCOPE_FAKE_NVML_OLD.
  explicit FakeNvml(const std::filesystem::path& built = TEGRASCOPE_FAKE_NVML) {
    std::filesystem::copy_file(built, library());
    write();
  }

  ~FakeNvml() {
    if (pinned_ != nullptr) ::dlclose(pinned_);
  }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;

  // Keeps the library loaded, so that references() goes on counting when others unload it.
  void pin() { pinned_ = ::dlopen(library().c_str(), RTLD_NOW); }

  std::filesystem::path library() const { return directory_.root() / "libnvidia-ml.so.1"; }

  // An empty value: there is no line.
  void set(const std::map<std::string, std::string>& answers) {
    for (const auto& [key, value] : answers) answers_[key] = value;
    std::erase_if(answers_, [](const auto& item) { return item.second.empty(); });
    write();
  }

  // A GeForce with all its figures.
  void set_card(const std::string& number = "0") {
    set({{"count", std::to_string(std::stoi(number) + 1)},
         {number + ".name", "NVIDIA GeForce RTX 3060"},
         {number + ".utilization", "35"},
         {number + ".memory", "12884901888 1073741824"},
         {number + ".power", "55500"},
         {number + ".energy", "1000000"},
         {number + ".clock", "1777"},
         {number + ".max_clock", "2100"},
         {number + ".temperature", "61"},
         {number + ".processes", "4711 536870912"}});
  }

  bool loaded() const {
    void* handle = ::dlopen(library().c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (handle != nullptr) ::dlclose(handle);
    return handle != nullptr;
  }
  // nvmlInit less nvmlShutdown, and calls that block now; 0 when the library is not loaded.
  int references() const { return ask("fake_nvml_references"); }
  int blocked() const { return ask("fake_nvml_blocked"); }

 private:
  void write() const {
    const auto fresh = directory_.root() / ".fresh";
    std::ofstream file(fresh);
    for (const auto& [key, value] : answers_) file << key << ' ' << value << '\n';
    file.close();
    std::filesystem::rename(fresh, library().string() + ".answers");
  }
  int ask(const char* function) const {
    void* handle = ::dlopen(library().c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (handle == nullptr) return 0;
    const int value = reinterpret_cast<int (*)()>(::dlsym(handle, function))();
    ::dlclose(handle);
    return value;
  }

  TempTree directory_;
  std::map<std::string, std::string> answers_;
  void* pinned_ = nullptr;
};

}  // namespace tegrascope::test
