// Every file of the Orin Nano fixture that makes a series (tests/support/fault_table.cpp), broken in every way, while
// all collectors run in the real sampler: all other series stay as they were, batches go on, stop() returns, and what
// is lost has a reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "collectors/deadline_read.hpp"
#include "collectors/jetson/board.hpp"
#include "collectors/sampler.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fault_table.hpp"
#include "tests/support/readings.hpp"
#include "tests/support/sensor_faults.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using test::add_values;
using test::Fault;
using test::holds;
using test::made_of;
using test::MadeSeries;

constexpr Nanoseconds kLongestGap =
    500ms;  // between two batches; the sampler's deadline here is 20 or 100 ms
constexpr Nanoseconds kRetryAfter = 200ms;

// Last batches by collector, and how regularly they came.
class Arrivals {
 public:
  SlotSink sink() {
    return [this](std::vector<Batch>&& slot) {
      const std::lock_guard lock(mutex_);
      for (Batch& batch : slot) {
        Seen& seen = seen_[batch.collector];
        if (seen.count++ > 0) longest_gap_ = std::max(longest_gap_, batch.finished - seen.last.finished);
        for (const ReadError& e : batch.errors) errors_.push_back(e);
        seen.last = std::move(batch);
      }
      changed_.notify_all();
    };
  }
  // So many more batches of every collector, which leave out what came before.
  bool wait_for_rounds(std::size_t rounds, std::size_t collectors) {
    std::unique_lock lock(mutex_);
    for (auto& [name, seen] : seen_) seen.count = 0;
    return changed_.wait_for(lock, 20s, [&] {
      return seen_.size() == collectors &&
             std::all_of(seen_.begin(), seen_.end(), [&](const auto& s) { return s.second.count >= rounds; });
    });
  }
  test::SeriesValues values() {
    const std::lock_guard lock(mutex_);
    test::SeriesValues values;
    for (const auto& [name, seen] : seen_) add_values(seen.last, values);
    return values;
  }
  Nanoseconds longest_gap() {
    const std::lock_guard lock(mutex_);
    return longest_gap_;
  }
  bool has_error_of(const fs::path& file) {
    const std::lock_guard lock(mutex_);
    return std::any_of(errors_.begin(), errors_.end(), [&](const ReadError& e) {
      std::error_code ignored;
      const auto named = fs::weakly_canonical(e.where.substr(0, e.where.find(": ")), ignored);
      return !ignored && named == file;
    });
  }
  void forget_errors() {
    const std::lock_guard lock(mutex_);
    errors_.clear();
  }

 private:
  struct Seen {
    std::size_t count = 0;
    Batch last;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Seen> seen_;
  std::vector<ReadError> errors_;
  Nanoseconds longest_gap_{};
};

class Faults : public testing::Test {
 protected:
  Faults() {
    fs::copy(
        TEGRASCOPE_FIXTURES "/orin-nano-r36", tree_.root(),
        fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing);
    for (const auto& entry : fs::recursive_directory_iterator(tree_.root()))
      if (entry.is_regular_file() && !entry.is_symlink() && entry.path().extension() != ".md")
        files_.push_back(fs::relative(entry.path(), tree_.root()));
    std::sort(files_.begin(), files_.end());
    for (const auto& collector : collectors()) {
      Batch batch = test::collect(*collector.make(), monotonic_now());
      add_values(batch, whole_);
    }
    std::erase_if(files_, [this](const std::string& file) {
      const auto made = made_of(file, tree_.root());
      return std::none_of(whole_.begin(), whole_.end(),
                          [&](const auto& item) { return holds(made, item.first); });
    });
  }
  ~Faults() override {
    EXPECT_TRUE(test::eventually([] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0;
    }));
  }

  // All that read the host's files, each in every slot: not the agent's own figures, and not tegrastats, a program.
  std::vector<SampledCollector> collectors() const {
    std::vector<SampledCollector> list;
    for (const CollectorInfo& info : builtin_collectors())
      if (info.name != "self" && info.name != "tegrastats")
        list.push_back({std::string(info.name), 0ns,
                        [make = info.make, paths = tree_.host_paths()] { return make(paths); }});
    return list;
  }
  Sampler& start(Nanoseconds deadline = 20ms) {
    arrivals_ = std::make_unique<Arrivals>();
    sampler_ = std::make_unique<Sampler>(collectors(), SamplerOptions{1ms, 1ms, 1, deadline, kRetryAfter},
                                         arrivals_->sink());
    sampler_->start();
    return *sampler_;
  }
  void stop() {
    const MonotonicTime before = monotonic_now();
    sampler_->stop();
    EXPECT_LT(monotonic_now() - before, 1s);
    EXPECT_LT(arrivals_->longest_gap(), kLongestGap);
    EXPECT_TRUE(test::eventually([this] {
      test::release_blocked_reads();
      return sampler_->left_behind() == 0;
    }));
    sampler_.reset();
  }
  bool rounds(std::size_t count) { return arrivals_->wait_for_rounds(count, collectors().size()); }

  struct Difference {
    bool lost = false;   // something is
    std::string others;  // that the file does not make: lost or changed
  };
  // What is there now against the whole tree.
  Difference difference(const std::vector<MadeSeries>& made) {
    const test::SeriesValues now = arrivals_->values();
    Difference result;
    for (const auto& [key, value] : whole_) {
      const auto found = now.find(key);
      if (found != now.end() && found->second == value) continue;
      result.lost = result.lost || found == now.end();
      if (holds(made, key)) continue;
      const auto& [signal, instance, kind] = key;
      result.others += "signal " + std::to_string(signal) + " of '" + instance + "' '" + kind +
                       (found == now.end() ? "' is lost\n" : "' has changed\n");
    }
    return result;
  }
  // True: something is lost. On a machine with much else to do a read may take longer than the deadline: what is
  // lost with it comes back, at the latest when the collector looks for its files again (kProbePeriod).
  bool check_the_rest(const std::vector<MadeSeries>& made) {
    Difference now;
    const auto whole = [&] { return (now = difference(made)).others.empty(); };
    EXPECT_TRUE(test::eventually(whole) || test::eventually(whole)) << now.others;
    return now.lost;
  }
  void check_reason(const std::string& file, const Fault& fault, bool lost, bool is_read) {
    const bool unreadable =
        is_read && (fault.kind == Fault::Kind::unreadable || fault.kind == Fault::Kind::no_value);
    const bool wrong = fault.kind == Fault::Kind::wrong_text && lost && !test::is_free_text(file);
    const bool wanted = unreadable || wrong;
    EXPECT_TRUE(!wanted || arrivals_->has_error_of(tree_.path(file))) << "no reason";
  }

  test::TempTree tree_;
  std::vector<std::string> files_;
  test::SeriesValues whole_;
  std::unique_ptr<Arrivals> arrivals_;
  std::unique_ptr<Sampler> sampler_;
};

TEST_F(Faults, PresentFromTheStart) {
  ASSERT_GT(whole_.size(), 150u);
  ASSERT_GT(files_.size(), 120u);
  for (const std::string& file : files_) {
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    const auto made = made_of(file, tree_.root());
    bool is_read = false;
    for (auto fault = test::kFaults.rbegin(); fault != test::kFaults.rend(); ++fault) {
      SCOPED_TRACE(file + " " + fault->name);
      test::break_file(path, *fault);
      start();
      ASSERT_TRUE(rounds(3));  // a label that blocks does so by both of its paths
      for (int again = 0; again < 3 && !difference(made).others.empty(); ++again) {
        stop();  // on a machine with much else to do a read may take longer than the deadline
        start();
        ASSERT_TRUE(rounds(3));
      }
      if (fault == test::kFaults.rbegin()) {
        is_read = arrivals_->has_error_of(path);
        EXPECT_TRUE(is_read);
      }
      check_reason(file, *fault, check_the_rest(made), is_read);
      stop();
      test::put_in_place(path, good);
    }
  }
}

TEST_F(Faults, WhileRunning) {
  for (const std::string& file : files_) {
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    const auto made = made_of(file, tree_.root());
    start(100ms);
    ASSERT_TRUE(rounds(1));
    for (const Fault& fault : test::kFaults) {
      SCOPED_TRACE(file + " " + fault.name);
      const bool process_ends = fault.kind == Fault::Kind::gone && fs::path(file).filename() == "stat";
      if (process_ends && file != "proc/stat") continue;
      test::break_file(path, fault);
      ASSERT_TRUE(rounds(1));
      arrivals_->forget_errors();
      ASSERT_TRUE(rounds(2));
      const bool lost = check_the_rest(made);
      const bool wanted = lost && !test::is_free_text(file);
      EXPECT_TRUE(!wanted || arrivals_->has_error_of(path)) << "no reason";
      test::put_in_place(path, good);
      if (std::string(fault.name) == "blocks") continue;
      ASSERT_TRUE(rounds(2));
      check_the_rest({});
    }
    stop();
  }
}

TEST_F(Faults, AppearsLate) {
  for (const std::string& file : files_) {
    SCOPED_TRACE(file);
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    fs::remove(path);
    std::vector<std::unique_ptr<Collector>> late;
    for (const auto& sampled : collectors()) late.push_back(sampled.make());
    for (const auto& collector : late) (void)test::collect(*collector, MonotonicTime{1000s});
    test::put_in_place(path, good);
    test::SeriesValues values;
    for (const auto& collector : late) add_values(test::collect(*collector, MonotonicTime{1061s}), values);
    EXPECT_EQ(values, whole_);
  }
}

TEST_F(Faults, TheBoardsIdentityIsReadAroundTheBrokenFile) {
  const HostPaths paths = tree_.host_paths();
  const auto fields = [](const BoardIdentity& b) {
    return std::vector<std::string>{b.module, b.soc, b.l4t, b.jetpack, b.kernel};
  };
  const auto whole = fields(*read_board(paths));
  const std::map<std::string, std::set<std::size_t>> identity{
      {"sys/firmware/devicetree/base/model", {}},  // not needed where `compatible` names a known module
      {"sys/firmware/devicetree/base/compatible", {0, 1}},
      {"etc/nv_tegra_release", {2, 3}},
      {"proc/sys/kernel/osrelease", {4}}};
  for (const auto& [file, made] : identity) {
    const std::string good = test::read_text(tree_.path(file));
    for (const Fault& fault : test::kFaults) {
      SCOPED_TRACE(file + " " + fault.name);
      test::break_file(tree_.path(file), fault);
      std::vector<ReadError> errors;
      const auto board =
          read_under_deadline<BoardIdentity>([paths] { return *read_board(paths); }, errors, 200ms);
      ASSERT_TRUE(board);
      const auto now = fields(*board);
      for (std::size_t i = 0; i < whole.size(); ++i)
        EXPECT_TRUE(made.contains(i) || now[i] == whole[i]) << now[i];
      EXPECT_TRUE(made.empty() || fault.kind != Fault::Kind::unreadable || !errors.empty()) << "no reason";
      test::put_in_place(tree_.path(file), good);
    }
    EXPECT_TRUE(test::eventually([&] {
      test::release_blocked_reads();
      std::vector<ReadError> errors;
      const auto board =
          read_under_deadline<BoardIdentity>([paths] { return *read_board(paths); }, errors, 200ms);
      return board && fields(*board) == whole;
    })) << file;
  }
}

}  // namespace
}  // namespace tegrascope
