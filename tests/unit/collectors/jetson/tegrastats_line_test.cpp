#include "collectors/jetson/tegrastats_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

TegrastatsLine parse(std::string_view line) { return parse_tegrastats_line(line); }

TEST(TegrastatsLine, OrinNanoR36WithoutRoot) {
  const auto line = parse(
      "09-17-2026 02:10:16 RAM 1483/7620MB (lfb 105x4MB) SWAP 253/12002MB (cached 2MB) CPU "
      "[0%@1036,12%@1036,off] GR3D_FREQ 62%@612 cpu@47.75C gpu@50C VDD_IN 4541mW/4654mW VDD_SOC "
      "1446mW/1473mW");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.time, "2026-09-17T02:10:16");
  EXPECT_EQ(line.memory->used_bytes, 1483 * kMiB);
  EXPECT_EQ(line.memory->total_bytes, 7620 * kMiB);
  EXPECT_EQ(line.memory->largest_free_block->bytes, 4 * kMiB);
  EXPECT_EQ(line.memory->largest_free_block->count, 105u);
  EXPECT_EQ(line.swap->used_bytes, 253 * kMiB);
  EXPECT_EQ(line.swap->cached_bytes, 2 * kMiB);
  ASSERT_EQ(line.cpus->size(), 3u);
  EXPECT_THAT(line.cpus->at(1).utilization_ratio, Optional(DoubleEq(0.12)));
  EXPECT_THAT(line.cpus->at(1).frequency_hertz, Optional(1036e6));
  EXPECT_TRUE(line.cpus->at(1).online);
  EXPECT_FALSE(line.cpus->at(2).online);
  EXPECT_EQ(line.cpus->at(2).utilization_ratio, std::nullopt);
  EXPECT_FALSE(line.emc);
  EXPECT_THAT(line.gpu->utilization_ratio, Optional(DoubleEq(0.62)));
  EXPECT_THAT(line.gpu->frequencies_hertz, ElementsAre(612e6));
  EXPECT_EQ(line.temperatures.at("cpu").celsius, 47.75);
  EXPECT_EQ(line.temperatures.at("gpu").celsius, 50);
  EXPECT_EQ(line.rails.at("VDD_IN").watts, 4.541);
  EXPECT_THAT(line.rails.at("VDD_IN").mean_watts, Optional(4.654));
  EXPECT_EQ(line.rails.at("VDD_IN").peak_watts, std::nullopt);
  EXPECT_TRUE(line.engines.empty());
}

TEST(TegrastatsLine, OldNamesOfTx1WithOneClockForAllCores) {
  const auto line =
      parse("RAM 3468/3983MB (lfb 48x4MB) cpu [17%,13%,off,5%]@408 EMC 1%@408 APE 25 GR3D 3%@76");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.time, "");
  EXPECT_THAT(line.cpus->at(0).frequency_hertz, Optional(408e6));
  EXPECT_THAT(line.cpus->at(3).frequency_hertz, Optional(408e6));
  EXPECT_FALSE(line.cpus->at(2).online);
  EXPECT_EQ(line.cpus->at(2).frequency_hertz, std::nullopt);
  EXPECT_THAT(line.emc->utilization_ratio, Optional(DoubleEq(0.01)));
  EXPECT_THAT(line.emc->frequency_hertz, Optional(408e6));
  EXPECT_THAT(line.engines.at("APE").frequency_hertz, Optional(25e6));
  EXPECT_THAT(line.gpu->utilization_ratio, Optional(DoubleEq(0.03)));
}

TEST(TegrastatsLine, Tk1CannotTellItsClock) {
  const auto line = parse("RAM 250/490MB (lfb 17x1MB) cpu [0%,off,off,off]@-1 VDE 0 EDP limit 0");
  ASSERT_EQ(line.cpus->size(), 4u);
  EXPECT_EQ(line.cpus->at(0).frequency_hertz, std::nullopt);
  EXPECT_THAT(line.cpus->at(0).utilization_ratio, Optional(0.0));
  EXPECT_THAT(line.engines.at("VDE").frequency_hertz, Optional(0.0));
  EXPECT_THAT(line.unread, ElementsAre("EDP", "limit", "0"));
}

TEST(TegrastatsLine, NanoR32WithInternalMemory) {
  const auto line = parse(
      "RAM 1462/3957MB (lfb 457x4MB) IRAM 0/252kB(lfb 252kB) CPU [43%@1036] EMC_FREQ 6%@1600 GR3D_FREQ "
      "51%@307 "
      "NVDEC 192 APE 25 PMIC@100C thermal@22.75C POM_5V_IN 3353/1616");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.iram->used_bytes, 0u);
  EXPECT_EQ(line.iram->total_bytes, 252u * 1024);
  EXPECT_EQ(line.iram->largest_free_block->bytes, 252u * 1024);
  EXPECT_EQ(line.iram->largest_free_block->count, std::nullopt);
  EXPECT_THAT(line.engines.at("NVDEC").frequency_hertz, Optional(192e6));
  EXPECT_EQ(line.temperatures.at("PMIC").celsius, 100);
  EXPECT_EQ(line.rails.at("POM_5V_IN").watts, 3.353);
  EXPECT_THAT(line.rails.at("POM_5V_IN").mean_watts, Optional(1.616));
}

TEST(TegrastatsLine, FreeBlocksInKilobytes) {
  EXPECT_EQ(parse("RAM 1/2MB (lfb 16x256kB)").memory->largest_free_block->bytes, 256u * 1024);
  EXPECT_EQ(parse("RAM 1/2MB (lfb 3x2048kB)").memory->largest_free_block->count, 3u);
  EXPECT_EQ(parse("RAM 1/2MB (lfb 8x2MB)").memory->largest_free_block->bytes, 2 * kMiB);
  EXPECT_EQ(parse("IRAM 36/256kB (lfb 128kb)").iram->largest_free_block->bytes, 128u * 1024);
}

TEST(TegrastatsLine, AgxXaviersRailsShareWordsWithZones) {
  const auto line = parse(
      "RAM 1/2MB CPU [2%@1190] MTS fg 1% bg 10% AO@48C GPU@54.5C CPU@49C GPU 18401/18525 CPU 2301/2330 CV "
      "0/0");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.cpus->size(), 1u);
  EXPECT_EQ(line.temperatures.at("GPU").celsius, 54.5);
  EXPECT_EQ(line.temperatures.at("CPU").celsius, 49);
  EXPECT_EQ(line.rails.at("GPU").watts, 18.401);
  EXPECT_EQ(line.rails.at("CPU").watts, 2.301);
  EXPECT_EQ(line.rails.at("CV").watts, 0);
  EXPECT_THAT(line.mts->foreground_ratio, Optional(DoubleEq(0.01)));
  EXPECT_THAT(line.mts->background_ratio, Optional(DoubleEq(0.1)));
}

TEST(TegrastatsLine, EarlyR35HasTwoGpuFields) {
  const auto line =
      parse("GR3D_FREQ 7%@305 GR3D2_FREQ 0%@0 VIC_FREQ 729 CV0@-256C CPU@44.093C NC 1mW/1mW NC 0mW/2mW");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_THAT(line.gpu->utilization_ratio, Optional(DoubleEq(0.07)));
  EXPECT_THAT(line.gpu->frequencies_hertz, ElementsAre(305e6, 0.0));
  EXPECT_THAT(line.engines.at("VIC").frequency_hertz, Optional(729e6));
  EXPECT_FALSE(line.temperatures.contains("CV0"));
  EXPECT_EQ(line.temperatures.size(), 1u);
  EXPECT_EQ(line.rails.at("NC").watts, 0);
  EXPECT_THAT(line.rails.at("NC").mean_watts, Optional(0.002));
}

TEST(TegrastatsLine, EnginesOfOrin) {
  const auto line = parse(
      "EMC_FREQ 3%@2133 GR3D_FREQ 0%@[0,0] NVENC 79%@166 NVDEC off NVJPG1 off VIC 36%@115 OFA off NVDLA0 off "
      "PVA0_FREQ [10%,30%]@115 APE 174 VIC_LOAD 5%");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_TRUE(line.engines.at("NVENC").on);
  EXPECT_THAT(line.engines.at("NVENC").utilization_ratio, Optional(DoubleEq(0.79)));
  EXPECT_THAT(line.engines.at("NVENC").frequency_hertz, Optional(166e6));
  EXPECT_FALSE(line.engines.at("NVDEC").on);
  EXPECT_FALSE(line.engines.at("NVJPG1").on);
  EXPECT_THAT(line.engines.at("PVA0").utilization_ratio, Optional(DoubleEq(0.2)));
  EXPECT_THAT(line.engines.at("VIC").utilization_ratio, Optional(DoubleEq(0.05)));
  EXPECT_THAT(line.engines.at("VIC").frequency_hertz, Optional(115e6));
  EXPECT_THAT(line.gpu->frequencies_hertz, ElementsAre(0.0, 0.0));
}

TEST(TegrastatsLine, ThorHasNoGpuLoad) {
  const auto line = parse(
      "GR3D_FREQ @[314,315,316] NVENC0_FREQ @314 VIC off OFA_FREQ @0 soc012@37.468C VIN 19780mW/19780mW");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.gpu->utilization_ratio, std::nullopt);
  EXPECT_THAT(line.gpu->frequencies_hertz, ElementsAre(314e6, 315e6, 316e6));
  EXPECT_TRUE(line.engines.at("NVENC0").on);
  EXPECT_THAT(line.engines.at("OFA").frequency_hertz, Optional(0.0));
  EXPECT_EQ(line.rails.at("VIN").watts, 19.78);
}

TEST(TegrastatsLine, R39HasPeaks) {
  const auto line =
      parse("cpu@34.312C/34.843C VDD_CPU_SOC_MSS 7953mW/8332mW/8710mW VDD_GPU -392mW/10mW/20mW");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_EQ(line.temperatures.at("cpu").celsius, 34.312);
  EXPECT_THAT(line.temperatures.at("cpu").peak_celsius, Optional(34.843));
  EXPECT_THAT(line.rails.at("VDD_CPU_SOC_MSS").mean_watts, Optional(8.332));
  EXPECT_THAT(line.rails.at("VDD_CPU_SOC_MSS").peak_watts, Optional(8.710));
  EXPECT_EQ(line.rails.at("VDD_GPU").watts, -0.392);
}

TEST(TegrastatsLine, RunsOfBlanks) {
  const auto line = parse(
      "RAM 1/2MB (lfb 3x4MB)    SWAP 0/1MB (cached 0MB)  NVENC      off  APE           174  cpu@53C  \r");
  EXPECT_THAT(line.unread, IsEmpty());
  EXPECT_TRUE(line.swap);
  EXPECT_THAT(line.engines.at("APE").frequency_hertz, Optional(174e6));
}

// A line is cut anywhere: nothing of it becomes a wrong value, and what was before it stays.
TEST(TegrastatsLine, CutTokensAreUnread) {
  const struct {
    const char* text;
    std::vector<std::string> unread;
  } cases[] = {
      {"VDD_IN 1mW/2mW VIN_SYS_5V0 4019mW/4026m", {"VIN_SYS_5V0", "4019mW/4026m"}},
      {"VDD_IN 1mW/2mW VIN_SYS_5V0 4019mW/4026", {"VIN_SYS_5V0", "4019mW/4026"}},
      {"VDD_IN 1mW/2mW VIN_SYS_5V0 4019mW/", {"VIN_SYS_5V0", "4019mW/"}},
      {"VDD_IN 1mW/2mW VIN_SYS_5V0 4019mW", {"VIN_SYS_5V0", "4019mW"}},
      {"VDD_IN 1mW/2mW VIN_SYS_5V0 401", {"VIN_SYS_5V0", "401"}},
      {"VDD_IN 1mW/2mW VIN_", {"VIN_"}},
      {"VDD_IN 1mW/2mW VDD_C", {"VDD_C"}},
      {"VDD_IN 1mW/2mW VDD_GPU 1mW/2mW/", {"VDD_GPU", "1mW/2mW/"}},
      {"VDD_IN 1mW/2mW tj@47.8", {"tj@47.8"}},
      {"VDD_IN 1mW/2mW tj@47.8C/48.", {"tj@47.8C/48."}},
      {"VDD_IN 1mW/2mW tj@", {"tj@"}},
      {"VDD_IN 1mW/2mW GR3D_FREQ 9", {"GR3D_FREQ", "9"}},
      {"VDD_IN 1mW/2mW GR3D_FREQ 0%@[0,", {"GR3D_FREQ", "0%@[0,"}},
      {"VDD_IN 1mW/2mW GR3D_FREQ 99%@", {"GR3D_FREQ", "99%@"}},
      {"VDD_IN 1mW/2mW EMC_FREQ 4", {"EMC_FREQ", "4"}},
      {"VDD_IN 1mW/2mW NVENC of", {"NVENC", "of"}},
      {"VDD_IN 1mW/2mW CPU [1%@1036,2%@10", {"CPU", "[1%@1036,2%@10"}},
      {"VDD_IN 1mW/2mW cpu [1%,2%]@", {"cpu", "[1%,2%]@"}},
      {"VDD_IN 1mW/2mW RAM 14/76", {"RAM", "14/76"}},
      {"VDD_IN 1mW/2mW RAM 14/76M", {"RAM", "14/76M"}},
      {"VDD_IN 1mW/2mW RAM 14/76MB (lfb 1x", {"(lfb", "1x"}},
      {"VDD_IN 1mW/2mW RAM 14/76MB (lf", {"(lf"}},
      {"VDD_IN 1mW/2mW SWAP 1/2MB (cached", {"(cached"}},
      {"VDD_IN 1mW/2mW MTS fg 0% bg", {"bg"}},
      {"VDD_IN 1mW/2mW MTS fg 0% bg 8", {"bg", "8"}},
      {"VDD_IN 1mW/2mW MTS fg", {"MTS", "fg"}},
      {"VDD_IN 1mW/2mW 09-17-2026 02:1", {"09-17-2026", "02:1"}},
  };
  for (const auto& [text, unread] : cases) {
    const auto line = parse(text);
    EXPECT_EQ(line.unread, unread) << text;
    EXPECT_EQ(line.rails.size(), 1u) << text;
    EXPECT_TRUE(line.engines.empty()) << text;
    EXPECT_TRUE(line.temperatures.empty()) << text;
  }
}

TEST(TegrastatsLine, OneBadTokenSpoilsNothingElse) {
  const auto line = parse(
      "banana RAM 1/2MB (lfb x) CPU [1%@2,?,3%@4] EMC_FREQ 200%@1 GR3D_FREQ 5%@6 cpu@hotC tj@40C VDD_IN 1/b "
      "VDD_SOC 2/3");
  EXPECT_THAT(line.unread,
              ElementsAre("banana", "(lfb", "x)", "?", "EMC_FREQ", "200%@1", "cpu@hotC", "VDD_IN", "1/b"));
  ASSERT_EQ(line.cpus->size(), 3u);  // the unreadable core keeps its place
  EXPECT_THAT(line.cpus->at(2).frequency_hertz, Optional(4e6));
  EXPECT_TRUE(line.gpu);
  EXPECT_EQ(line.temperatures.at("tj").celsius, 40);
  EXPECT_EQ(line.rails.at("VDD_SOC").watts, 0.002);
}

TEST(TegrastatsLine, OverflowAndGarbageNeverThrow) {
  for (const char* text : {"",
                           " ",
                           "RAM",
                           "RAM 99999999999999999999/1MB",
                           "RAM 1/99999999999999MB",
                           "RAM -1/2MB",
                           "CPU []",
                           "CPU [",
                           "@",
                           "@C",
                           "/",
                           "[]",
                           "MTS",
                           "(lfb",
                           "a@1e999C",
                           "A 1/2/3/4",
                           "A /",
                           "IRAM (",
                           "RAM (lfb 1x4MB)",
                           "x@y@z",
                           "off off",
                           "GR3D_FREQ @[]",
                           "\xff\xfe 1mW/2mW",
                           "01-01-2024",
                           "13-01-2024 00:00:00",
                           "01-01-2024 24:00:00",
                           "VDD_IN nanmW/infmW",
                           "cpu@nanC",
                           "_FREQ off"})
    parse(text);
  EXPECT_FALSE(parse("RAM 99999999999999999999/1MB").memory);
  EXPECT_FALSE(parse("RAM -1/2MB").memory);
  EXPECT_TRUE(parse("VDD_IN nanmW/infmW").rails.empty());
  EXPECT_EQ(parse("13-01-2024 00:00:00").time, "");
}

}  // namespace
}  // namespace tegrascope
