#include "exporters/prometheus/family_writer.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace tegrascope {
namespace {

TEST(FamilyWriter, families_come_in_the_order_of_the_catalogue) {
  FamilyWriter out;
  out.add(Family::temperature_celsius, {"gpu"}, 50);
  out.add(Family::build_info, {"1", "r"}, 1);
  out.add(Family::temperature_celsius, {"cpu"}, 51);
  const auto families = out.take();
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "tegrascope_build_info");
  EXPECT_EQ(families[1].metric.size(), 2u);
  EXPECT_EQ(families[1].metric[0].label[0].name, "zone");
  EXPECT_TRUE(out.take().empty());
}

TEST(FamilyWriter, a_series_that_would_spoil_the_scrape_is_left_out) {
  FamilyWriter out;
  out.add(Family::temperature_celsius, {"gpu"}, std::numeric_limits<double>::quiet_NaN());
  out.add(Family::temperature_celsius, {"cpu"}, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(out.take().empty());
  out.add(Family::temperature_celsius, {"gpu"}, 50);
  out.add(Family::temperature_celsius, {"gpu"}, 60);
  const auto families = out.take();
  ASSERT_EQ(families.at(0).metric.size(), 1u);
  EXPECT_EQ(families[0].metric[0].gauge.value, 50);
}

TEST(FamilyWriter, label_values_must_match_the_catalogue) {
  FamilyWriter out;
  EXPECT_THROW(out.add(Family::temperature_celsius, {}, 1), std::logic_error);
  EXPECT_THROW(out.add(Family::temperature_celsius, {"a", "b"}, 1), std::logic_error);
}

TEST(FamilyWriter, buckets_are_cumulative) {
  Histogram h{kFirstTokenEdges};
  h.observe(0.05);
  h.observe(0.07);
  h.observe(500);
  FamilyWriter out;
  out.add(Family::time_to_first_token_seconds, {"s", "m"}, h);
  const auto families = out.take();
  const auto& histogram = families.at(0).metric.at(0).histogram;
  EXPECT_EQ(histogram.sample_count, 3u);
  EXPECT_EQ(histogram.bucket.front().cumulative_count, 1u);
  EXPECT_EQ(histogram.bucket.back().cumulative_count, 2u);
  EXPECT_EQ(histogram.bucket.size(), kFirstTokenEdges.size());
}

TEST(ValidUtf8, keeps_what_is_valid) {
  EXPECT_EQ(valid_utf8("gpu µ€😀"), "gpu µ€😀");
  EXPECT_EQ(valid_utf8(""), "");
}

TEST(ValidUtf8, replaces_what_is_not) {
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a?b");
  EXPECT_EQ(valid_utf8("a\xc3"), "a?");
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "??");
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "???");
  EXPECT_EQ(valid_utf8("\xf5\x80\x80\x80"), "????");
}

}  // namespace
}  // namespace tegrascope
