// What happens when a read does not come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "collectors/read_watch.hpp"
#include "collectors/sampler.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/sampled.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Inbox;
using test::sampled;
using testing::HasSubstr;

// Reads files as collectors do: one reading each, with the file as its instance.
std::function<void(Batch&)> reader(const test::TempTree& tree, std::vector<std::string> names) {
  return [root = tree.root(), names = std::move(names)](Batch& out) {
    for (const std::string& name : names) {
      const auto value = SysfsFile(root / name).read_integer(-1000, 1000);
      value.report(out.errors);
      if (value)
        out.readings.push_back(
            {Signal::temperature_celsius, name, "", static_cast<double>(*value), value.at()});
    }
  };
}

bool has(const Batch& batch, const std::string& name) {
  return std::any_of(batch.readings.begin(), batch.readings.end(),
                     [&](const Reading& reading) { return reading.instance == name; });
}

bool timed_out(const Batch& batch, const std::string& what) {
  return std::any_of(batch.errors.begin(), batch.errors.end(), [&](const ReadError& error) {
    return error.reason == ErrorReason::timeout && error.where.find(what) != std::string::npos;
  });
}

Nanoseconds time_to_stop(Sampler& sampler) {
  const MonotonicTime before = monotonic_now();
  sampler.stop();
  return monotonic_now() - before;
}

class SamplerHang : public testing::Test {
 protected:
  SamplerHang() { options_ = {5ms, 5ms, 1, 20ms, 1h}; }
  ~SamplerHang() override { EXPECT_TRUE(all_back()); }

  // Lets go of every read that blocks and of what the threads then still read.
  bool all_back() {
    return eventually([this] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0 && LeftBehindThread::count() == 0;
    });
  }
  Sampler& start(std::vector<SampledCollector> collectors) {
    sampler_ = std::make_unique<Sampler>(std::move(collectors), options_, inbox_.sink());
    sampler_->start();
    return *sampler_;
  }

  test::TempTree tree_;
  Inbox inbox_;
  SamplerOptions options_;
  std::unique_ptr<Sampler> sampler_;
};

TEST_F(SamplerHang, TheFileIsSkippedAndAllOthersAreReadOn) {
  tree_.write("good", "1");
  tree_.write("stuck", "(BLOCK)");
  tree_.write("last", "3");
  tree_.write("elsewhere", "4");
  Sampler& sampler = start(
      {sampled("a", reader(tree_, {"good", "stuck", "last"})), sampled("b", reader(tree_, {"elsewhere"}))});
  EXPECT_TRUE(inbox_.wait_for([&](const Batch& b) {
    return b.collector == "a" && b.readings.empty() && timed_out(b, tree_.path("stuck").string());
  }));
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return b.collector == "b" && has(b, "elsewhere"); }));
  inbox_.clear();
  EXPECT_TRUE(inbox_.wait_for([&](const Batch& b) {
    return has(b, "good") && has(b, "last") && timed_out(b, tree_.path("stuck").string());
  }));
  EXPECT_EQ(sampler.left_behind(), 1u);
  EXPECT_EQ(test::blocked_reads(), 1u);
  EXPECT_LT(time_to_stop(sampler), 1s);
}

TEST_F(SamplerHang, TheRestOfTheSlotIsRunByAFreshThread) {
  tree_.write("stuck", "(BLOCK)");
  tree_.write("other", "1");
  options_.idle_interval = 1h;
  start({sampled("a", reader(tree_, {"stuck"})), sampled("b", reader(tree_, {"other"}))});
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return has(b, "other"); }));
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "stuck"); }));
}

TEST_F(SamplerHang, ALateResultIsDiscarded) {
  const auto wait = std::make_shared<std::promise<void>>();
  const auto waited = wait->get_future().share();
  start({sampled("a", [waited](Batch& out) {
    waited.wait();
    out.readings.push_back({Signal::temperature_celsius, "late", "", 1, monotonic_now()});
  })});
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "a: "); }));
  wait->set_value();
  ASSERT_TRUE(eventually([this] { return sampler_->left_behind() == 0; }));
  inbox_.wait_for(inbox_.batches().size() + 3);
  for (const Batch& batch : inbox_.batches()) EXPECT_FALSE(has(batch, "late"));
}

TEST_F(SamplerHang, ItIsTriedAgainWhenTheThreadHasComeBack) {
  tree_.write("file", "(BLOCK)");
  options_.retry_after = 30ms;
  start({sampled("a", reader(tree_, {"file"}))});
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "file"); }));
  ASSERT_TRUE(inbox_.wait_for(inbox_.batches().size() + 20));
  EXPECT_EQ(test::blocked_reads(), 1u);  // not while it hangs, whatever retry_after says
  tree_.write("file", "7");
  ASSERT_TRUE(all_back());
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return has(b, "file") && b.errors.empty(); }));
}

TEST_F(SamplerHang, ItIsNotTriedAgainBeforeItsTime) {
  tree_.write("file", "(BLOCK)");
  start({sampled("a", reader(tree_, {"file"}))});
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "file"); }));
  tree_.write("file", "7");
  ASSERT_TRUE(all_back());
  const std::size_t seen = inbox_.batches().size();
  ASSERT_TRUE(inbox_.wait_for(seen + 10));
  for (const Batch& batch : inbox_.batches()) EXPECT_FALSE(has(batch, "file"));
}

TEST_F(SamplerHang, AHangOutsideOfAFileSwitchesTheCollectorOff) {
  const auto wait = std::make_shared<std::promise<void>>();
  const auto waited = wait->get_future().share();
  options_.retry_after = 0ns;
  start({sampled("a", [waited](Batch&) { waited.wait(); }), sampled("b", {})});
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "a: "); }));
  inbox_.clear();
  ASSERT_TRUE(inbox_.wait_for(10));
  for (const Batch& batch : inbox_.batches()) EXPECT_EQ(batch.collector == "a", timed_out(batch, "a: "));
  wait->set_value();
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return b.collector == "a" && b.errors.empty(); }));
}

TEST_F(SamplerHang, EightThreadsAtMostAndThenTheCollectorIsSwitchedOff) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) {
    names.push_back("stuck" + std::to_string(i));
    tree_.write(names.back(), "(BLOCK)");
  }
  names.emplace_back("good");
  tree_.write("good", "1");
  tree_.write("other", "1");
  Sampler& sampler = start({sampled("a", reader(tree_, names)), sampled("b", reader(tree_, {"other"}))});
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "a: "); }));
  inbox_.clear();
  ASSERT_TRUE(inbox_.wait_for(20));
  EXPECT_EQ(sampler.left_behind(), LeftBehindThread::kMost);
  EXPECT_EQ(test::blocked_reads(), LeftBehindThread::kMost);
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return has(b, "other"); }));
  EXPECT_LT(time_to_stop(sampler), 1s);
}

TEST_F(SamplerHang, ThenEachOtherCollectorLeavesOneAtMost) {
  std::vector<SampledCollector> collectors;
  for (const std::string name : {"a", "b", "c", "d"}) {
    std::vector<std::string> files;
    for (int i = 0; i < 12; ++i) {
      files.push_back(name + std::to_string(i));
      tree_.write(files.back(), "(BLOCK)");
    }
    collectors.push_back(sampled(name, reader(tree_, files)));
  }
  tree_.write("good", "1");
  collectors.push_back(sampled("e", reader(tree_, {"good"})));
  const std::size_t most = LeftBehindThread::kMost + collectors.size();
  Sampler& sampler = start(std::move(collectors));
  for (const std::string name : {"a", "b", "c", "d"})
    ASSERT_TRUE(inbox_.wait_for([&](const Batch& b) { return timed_out(b, name + ": "); })) << name;
  inbox_.clear();
  ASSERT_TRUE(inbox_.wait_for(30));
  EXPECT_LE(sampler.left_behind(), most);
  EXPECT_EQ(test::blocked_reads(), sampler.left_behind());
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return b.collector == "e" && has(b, "good"); }));
}

TEST_F(SamplerHang, StopLeavesTheThreadBehindAndNothingOfTheOwnersIsTouchedLater) {
  tree_.write("stuck", "(BLOCK)");
  options_.deadline = 300ms;
  Sampler& sampler = start({sampled("a", reader(tree_, {"stuck"}))});
  ASSERT_TRUE(eventually([] { return test::blocked_reads() == 1; }));
  EXPECT_LT(time_to_stop(sampler), 1s);
  EXPECT_EQ(sampler.left_behind(), 1u);
  EXPECT_TRUE(inbox_.batches().empty());
  sampler_.reset();
  EXPECT_EQ(test::blocked_reads(), 1u);
}

TEST_F(SamplerHang, CanBeStartedAgainWithAThreadLeftBehind) {
  tree_.write("stuck", "(BLOCK)");
  tree_.write("good", "1");
  Sampler& sampler = start({sampled("a", reader(tree_, {"stuck", "good"}))});
  ASSERT_TRUE(eventually([] { return test::blocked_reads() == 1; }));
  sampler.stop();
  sampler.start();
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return has(b, "good") && timed_out(b, "stuck"); }));
}

TEST_F(SamplerHang, ACollectorMayHangWhileItIsMade) {
  tree_.write("stuck", "(BLOCK)");
  std::vector<SampledCollector> collectors;
  collectors.push_back({"a", 0ns, [path = tree_.path("stuck")] {
                          return std::make_unique<test::FakeCollector>([text = read_once(path)](Batch&) {});
                        }});
  collectors.push_back(sampled("b", {}));
  start(std::move(collectors));
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return timed_out(b, "stuck"); }));
  EXPECT_TRUE(inbox_.wait_for([](const Batch& b) { return b.collector == "b"; }));
}

TEST_F(SamplerHang, SlowIsNotStuck) {
  tree_.write("file", "1");
  options_.deadline = 200ms;
  const auto slow = [read = reader(tree_, {"file"})](Batch& out) {
    for (int i = 0; i < 300; ++i) {
      test::pause_a_millisecond();
      read(out);
    }
  };
  Sampler& sampler = start({sampled("a", slow)});
  ASSERT_TRUE(inbox_.wait_for(1));
  EXPECT_EQ(sampler.left_behind(), 0u);
  EXPECT_TRUE(inbox_.batches().front().errors.empty());
}

TEST_F(SamplerHang, MissedSlotsAreCountedAndTheBatchSaysHowLongItTook) {
  tree_.write("stuck", "(BLOCK)");
  options_.deadline = 60ms;
  start({sampled("a", reader(tree_, {"stuck"}))});
  ASSERT_TRUE(inbox_.wait_for(2));
  const auto batches = inbox_.batches();
  EXPECT_GE(batches[0].finished - batches[0].started, 60ms);
  EXPECT_GE(batches[1].missed_slots, 5u);
}

TEST_F(SamplerHang, WhyAProbeFailedIsReported) {
  tree_.write("name", "(EIO)");
  tree_.write("empty", "\n");
  tree_.make_fifo("fifo");
  start({sampled("a", [root = tree_.root()](Batch&) {
    for (const char* file : {"name", "empty", "fifo", "absent"}) EXPECT_EQ(read_once(root / file), "");
  })});
  ASSERT_TRUE(inbox_.wait_for(1));
  const auto errors = inbox_.batches().front().errors;
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_THAT(errors[0].where, HasSubstr("name: Input/output error"));
  EXPECT_EQ(errors[1].reason, ErrorReason::parse);
  EXPECT_THAT(errors[2].where, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace tegrascope
