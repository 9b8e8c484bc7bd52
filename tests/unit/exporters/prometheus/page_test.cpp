#include "exporters/prometheus/page.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sample_snapshots.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

TEST(MetricsPage, one_rendering_per_snapshot) {
  FixedSource source{full_snapshot()};
  MetricsPage page{source, {"0.1.0", ""}};
  const auto first = page.text();
  EXPECT_EQ(page.text(), first);
  source.set(full_snapshot());
  const auto second = page.text();
  EXPECT_NE(second, first);
  EXPECT_EQ(*second, *first);
  EXPECT_TRUE(first->ends_with('\n'));
}

TEST(MetricsPage, one_compressed_body_per_snapshot_and_it_is_the_text) {
  FixedSource source{full_snapshot()};
  MetricsPage page{source, {"0.1.0", ""}};
  const auto packed = page.compressed();
  EXPECT_EQ(page.compressed(), packed);
  EXPECT_LT(packed->size() * 5, page.text()->size());
  const std::string file = testing::TempDir() + "tegrascope-page-" + std::to_string(::getpid()) + ".gz";
  std::ofstream{file, std::ios::binary} << *packed;
  std::FILE* pipe = ::popen(("gzip -dc '" + file + "'").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string unpacked;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    unpacked.append(buffer.data(), n);
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(unpacked, *page.text());
  source.set(full_snapshot());
  EXPECT_NE(page.compressed(), packed);
  fs::remove(file);
}

// In PATH, or unpacked under build/tools.
std::string find_promtool() {
  std::istringstream path{std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")};
  for (std::string directory; std::getline(path, directory, ':');) {
    if (::access((directory + "/promtool").c_str(), X_OK) == 0) return directory + "/promtool";
  }
  const fs::path tools = fs::path{TEGRASCOPE_SOURCE_DIR} / "build/tools";
  for (const char* where : {"promtool", "bin/promtool", "usr/bin/promtool", "prometheus/usr/bin/promtool"}) {
    if (::access((tools / where).c_str(), X_OK) == 0) return (tools / where).string();
  }
  return {};
}

TEST(MetricsPage, promtool_has_nothing_to_say) {
  const std::string promtool = find_promtool();
  if (promtool.empty()) GTEST_SKIP() << "no promtool in PATH or build/tools";
  std::string file = testing::TempDir() + "tegrascope-metrics-XXXXXX";
  const int descriptor = ::mkstemp(file.data());
  ASSERT_GE(descriptor, 0);
  ::close(descriptor);
  FixedSource source{full_snapshot()};
  std::ofstream{file} << *MetricsPage{source, {"0.1.0", "abc1234"}}.text();
  std::FILE* pipe = ::popen(("'" + promtool + "' check metrics < '" + file + "' 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  std::array<char, 512> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) said += buffer.data();
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(said, "");
  fs::remove(file);
}

}  // namespace
}  // namespace tegrascope
