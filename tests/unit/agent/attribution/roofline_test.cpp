#include "agent/attribution/roofline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::DoubleEq;
using testing::DoubleNear;
using testing::Optional;

constexpr double kSuper = 102.4e9;  // Orin Nano Super

// qwen2.5:7b as Ollama tells it: 4.68 GB, Q4_K_M, 28 layers, 4 of 28 heads hold keys and values of 128.
ResidentModel qwen7b() {
  ResidentModel m;
  m.name = "qwen2.5:7b";
  m.quantization = "Q4_K_M";
  m.file_bytes = 4683073184;
  m.context_length = 4096;
  ModelShape s;
  s.architecture = "qwen2";
  s.parameter_count = 7615616512;
  s.block_count = 28;
  s.embedding_length = 3584;
  s.head_count = 28;
  s.head_count_kv = 4;
  m.shape = s;
  return m;
}

TEST(Roofline, WeightsAreTheFile) {
  const auto w = weight_bytes_per_token(qwen7b());
  ASSERT_TRUE(w);
  EXPECT_EQ(w->bytes, 4683073184.0);
  EXPECT_EQ(w->source, BytesSource::file);
}

TEST(Roofline, AFileWithAProjectorCountsByItsParameters) {
  ResidentModel m = qwen7b();
  m.file_bytes = *m.file_bytes * 3 / 2;
  const auto w = weight_bytes_per_token(m);
  EXPECT_EQ(w->source, BytesSource::parameters);
  EXPECT_NEAR(w->bytes, 4.67e9, 0.02e9);
  m.file_bytes.reset();
  EXPECT_EQ(weight_bytes_per_token(m)->source, BytesSource::parameters);
}

TEST(Roofline, WithoutAKnownQuantizationTheFileIsAllThereIs) {
  ResidentModel m = qwen7b();
  m.quantization = "unknown";
  EXPECT_EQ(weight_bytes_per_token(m)->source, BytesSource::file);
  m.file_bytes.reset();
  EXPECT_FALSE(weight_bytes_per_token(m));
  m.remote = true;
  m.file_bytes = 400;
  EXPECT_FALSE(weight_bytes_per_token(m));
}

TEST(Roofline, OfAMixtureOfExpertsTheLeast) {
  ResidentModel m = qwen7b();
  m.shape->expert_count = 32;
  m.shape->expert_used_count = 4;
  const auto w = weight_bytes_per_token(m);
  EXPECT_EQ(w->source, BytesSource::experts);
  EXPECT_DOUBLE_EQ(w->bytes, 4683073184.0 / 8);
  m.shape->expert_used_count.reset();
  EXPECT_DOUBLE_EQ(weight_bytes_per_token(m)->bytes, 4683073184.0 / 32);
}

TEST(Roofline, TheCacheGrowsWithLayersAndHeads) {
  ModelShape s = *qwen7b().shape;
  EXPECT_THAT(cache_bytes_per_context_token(s), Optional(DoubleEq(28 * 4 * (128 + 128) * 2)));
  s.key_length = 256;
  s.value_length = 64;
  EXPECT_THAT(cache_bytes_per_context_token(s), Optional(DoubleEq(28 * 4 * (256 + 64) * 2)));
  s.head_count_kv.reset();  // every head has its own
  EXPECT_THAT(cache_bytes_per_context_token(s), Optional(DoubleEq(28 * 28 * (256 + 64) * 2)));
  s.block_count.reset();
  EXPECT_FALSE(cache_bytes_per_context_token(s));
}

TEST(Roofline, BandwidthAndItsShareOfThePeak) {
  // 9.31 token/s of a 4.68 GB model: 43.6 GB/s and the cache.
  const auto r = roofline_of(qwen7b(), 100, 93, from_seconds(93 / 9.31), kSuper);
  ASSERT_TRUE(r);
  const double cache = 57344 * (100 + 46.5);
  EXPECT_NEAR(r->bytes_per_token, 4683073184.0 + cache, 1);
  EXPECT_NEAR(r->bytes_per_second, 43.68e9, 0.05e9);
  EXPECT_THAT(r->of_peak(), Optional(DoubleNear(0.4265, 0.001)));
  EXPECT_FALSE(is_impossible(*r));
}

TEST(Roofline, TheContextEndsAtItsWindow) {
  ResidentModel m = qwen7b();
  const auto bytes = [&](std::int64_t prompt) {
    return roofline_of(m, prompt, 100, 10s, kSuper)->bytes_per_token - 4683073184.0;
  };
  EXPECT_NEAR(bytes(100000), 57344.0 * 4096, 1);
  m.shape->sliding_window = 1024;
  EXPECT_NEAR(bytes(100000), 57344.0 * 1024, 1);
  EXPECT_NEAR(bytes(10), 57344.0 * 60, 1);
}

TEST(Roofline, MoreThanTheBusCarriesIsImpossible) {
  // 23 token/s of 4.68 GB are 107.7 GB/s: 1.052 of the peak. 22.8 are 1.043.
  EXPECT_TRUE(is_impossible(*roofline_of(qwen7b(), 0, 230, 10s, kSuper)));
  EXPECT_FALSE(is_impossible(*roofline_of(qwen7b(), 0, 228, 10s, kSuper)));
}

TEST(Roofline, AMixtureIsImpossibleOnlyByItsLeast) {
  ResidentModel m = qwen7b();
  m.shape->expert_count = 8;
  m.shape->expert_used_count = 2;
  const auto fast = roofline_of(m, 0, 500, 10s, kSuper);  // 234 GB/s with all experts, 58 with two of eight
  EXPECT_TRUE(fast->is_bound());
  EXPECT_FALSE(is_impossible(*fast));
  EXPECT_TRUE(is_impossible(*roofline_of(m, 0, 1000, 10s, kSuper)));
}

TEST(Roofline, WithoutAPeakThereIsNoShare) {
  const auto r = roofline_of(qwen7b(), 0, 1000, 10s, std::nullopt);
  EXPECT_FALSE(r->of_peak());
  EXPECT_FALSE(is_impossible(*r));
  EXPECT_FALSE(roofline_of(qwen7b(), 0, 1000, 10s, 0.0)->of_peak());
}

TEST(Roofline, ShortDecodesHaveNone) {
  EXPECT_FALSE(roofline_of(qwen7b(), 0, 15, 10s, kSuper));
  EXPECT_FALSE(roofline_of(qwen7b(), 0, 100, 999ms, kSuper));
  EXPECT_TRUE(roofline_of(qwen7b(), 0, 16, 1s, kSuper));
}

}  // namespace
}  // namespace tegrascope
