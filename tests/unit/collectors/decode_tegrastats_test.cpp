#include "agent/cli/decode_tegrastats.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace tegrascope {
namespace {

using Json = nlohmann::json;

std::vector<Json> decode(const std::string& text) {
  std::istringstream in(text);
  std::ostringstream out;
  EXPECT_EQ(decode_tegrastats(in, out), 0);
  std::vector<Json> objects;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) objects.push_back(Json::parse(line));
  return objects;
}

TEST(DecodeTegrastats, OneObjectPerLineInBaseUnits) {
  const auto objects = decode(
      "# a comment\n"
      "\n"
      "11-15-2024 08:38:09 RAM 6185/7620MB (lfb 8x2MB) SWAP 851/3810MB (cached 1MB) IRAM 0/252kB(lfb 252kB) "
      "CPU "
      "[15%@729,off] EMC_FREQ 43%@2133 GR3D_FREQ 63%@[621] NVDEC off APE 200 MTS fg 1% bg 8% tj@53.968C/54C "
      "CV0@-256C "
      "VDD_IN 12479mW/12480mW/13000mW VDD_C\n"
      "GR3D_FREQ @[314,314]\r\n");
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0], Json::parse(R"({
    "time": "2024-11-15T08:38:09",
    "memory": {"used_bytes": 6485442560, "total_bytes": 7990149120,
               "largest_free_block_bytes": 2097152, "largest_free_block_count": 8},
    "swap": {"used_bytes": 892338176, "total_bytes": 3995074560, "cached_bytes": 1048576},
    "iram": {"used_bytes": 0, "total_bytes": 258048, "largest_free_block_bytes": 258048},
    "cpus": [{"utilization_ratio": 0.15, "frequency_hertz": 729000000}, {"online": false}],
    "emc": {"utilization_ratio": 0.43, "frequency_hertz": 2133000000},
    "gpu": {"utilization_ratio": 0.63, "frequencies_hertz": [621000000]},
    "engines": {"NVDEC": {"on": false}, "APE": {"on": true, "frequency_hertz": 200000000}},
    "temperatures": {"tj": {"celsius": 53.968, "peak_celsius": 54.0}},
    "rails": {"VDD_IN": {"watts": 12.479, "mean_watts": 12.48, "peak_watts": 13.0}},
    "mts": {"fg_ratio": 0.01, "bg_ratio": 0.08},
    "unread": ["VDD_C"]})"));
  EXPECT_EQ(objects[1], Json::parse(R"({"gpu": {"frequencies_hertz": [314000000, 314000000]}})"));
}

TEST(DecodeTegrastats, AnyNonEmptyLineGivesAnObject) {
  const auto objects = decode("hello\nlast line without newline\n\xff\xfe\n");
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0], Json::parse(R"({"unread": ["hello"]})"));
  EXPECT_EQ(objects[2]["unread"].size(), 1u);
}

TEST(DecodeTegrastats, EmptyInput) { EXPECT_TRUE(decode("").empty()); }

TEST(DecodeTegrastats, AFailedOutputIsAnError) {
  std::istringstream in("RAM 1/2MB\n");
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(decode_tegrastats(in, out), 1);
}

}  // namespace
}  // namespace tegrascope
