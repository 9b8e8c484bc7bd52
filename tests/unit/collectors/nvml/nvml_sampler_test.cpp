// NVML calls that block, under the real sampler.
#include <gtest/gtest.h>

#include "collectors/nvml/nvml.hpp"
#include "collectors/sampler.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_nvml.hpp"
#include "tests/support/readings.hpp"
#include "tests/support/sampled.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::FakeNvml;
using test::Inbox;
using test::TempTree;

bool has_load(const Batch& b) {
  return b.collector == "nvml" && test::count(b, Signal::gpu_utilization_ratio) == 1;
}
bool has_timeout(const Batch& b) {
  return b.collector == "nvml" && !b.errors.empty() && b.errors[0].reason == ErrorReason::timeout;
}
bool is_other(const Batch& b) { return b.collector == "other"; }

class NvmlSampler : public testing::Test {
 protected:
  NvmlSampler() {
    fake_.set_card();
    HostPaths paths = tree_.host_paths();
    paths.nvml_library = fake_.library();
    std::vector<SampledCollector> collectors{
        {"nvml", 0ns, [paths] { return std::make_unique<NvmlCollector>(paths); }},
        test::sampled("other", [](Batch&) {})};
    sampler_ = std::make_unique<Sampler>(std::move(collectors), SamplerOptions{1ms, 1ms, 1, 50ms, 1ms},
                                         inbox_.sink());
  }

  TempTree tree_;
  FakeNvml fake_;
  Inbox inbox_;
  std::unique_ptr<Sampler> sampler_;
};

TEST_F(NvmlSampler, ACallThatBlocksDelaysNobodyAndTheLibraryComesBackWithIt) {
  fake_.pin();
  sampler_->start();
  ASSERT_TRUE(inbox_.wait_for(has_load));
  fake_.set({{"0.utilization", "block"}});
  ASSERT_TRUE(inbox_.wait_for(has_timeout));
  inbox_.clear();
  ASSERT_TRUE(inbox_.wait_for(is_other));
  ASSERT_TRUE(inbox_.wait_for(has_timeout)) << "as long as it is held";
  for (const Batch& batch : inbox_.batches()) {
    EXPECT_TRUE(batch.collector != "nvml" || batch.readings.empty());
    EXPECT_FALSE(batch.absent);
    if (has_timeout(batch)) {
      EXPECT_TRUE(batch.errors[0].where.starts_with(fake_.library().string())) << batch.errors[0].where;
    }
  }
  EXPECT_EQ(sampler_->left_behind(), 1u);
  EXPECT_EQ(fake_.blocked(), 1) << "nobody else is in the library";

  fake_.set({{"0.utilization", "12"}});
  inbox_.clear();
  ASSERT_TRUE(inbox_.wait_for(has_load));
  EXPECT_TRUE(test::eventually([&] { return sampler_->left_behind() == 0; }));
  EXPECT_TRUE(test::eventually([&] { return fake_.references() == 1; }));
  sampler_->stop();
  sampler_.reset();
  EXPECT_TRUE(test::eventually([&] { return fake_.references() == 0; }));
}

TEST_F(NvmlSampler, TheStopDoesNotWaitForIt) {
  sampler_->start();
  ASSERT_TRUE(inbox_.wait_for(has_load));
  fake_.set({{"0.power", "block"}, {"shutdown", "block"}});
  ASSERT_TRUE(inbox_.wait_for(has_timeout));
  const MonotonicTime before = monotonic_now();
  sampler_->stop();
  sampler_.reset();
  EXPECT_LT(monotonic_now() - before, 2s);
  fake_.set({{"0.power", "1000"}, {"shutdown", "0"}});
  EXPECT_TRUE(test::eventually([&] { return !fake_.loaded(); }));
}

TEST_F(NvmlSampler, AShutdownThatBlocksHoldsTheStopUpABoundedTime) {
  sampler_->start();
  ASSERT_TRUE(inbox_.wait_for(has_load));
  fake_.set({{"shutdown", "block"}});
  const MonotonicTime before = monotonic_now();
  sampler_->stop();
  sampler_.reset();
  EXPECT_LT(monotonic_now() - before, 2s);
  fake_.set({{"shutdown", "0"}});
  EXPECT_TRUE(test::eventually([&] { return !fake_.loaded(); }));
}

}  // namespace
}  // namespace tegrascope
