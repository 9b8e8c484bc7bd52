// The state goes through restarts of the agent, exactly.
#include "agent/app/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <random>

#include "agent/analysis/analysis.hpp"
#include "exporters/history/state_file.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::TempTree;
using testing::HasSubstr;

constexpr const char* kServer = "127.0.0.1:11434";

BoardIdentity board() {
  BoardIdentity b;
  b.module = "NVIDIA Jetson Orin Nano 8GB";
  b.kernel = "5.15.148-tegra";
  return b;
}

// A run of the agent on a board that does random things: its monotonic time begins where the boot puts it.
class AgentRun {
 public:
  AgentRun(const std::filesystem::path& directory, std::uint64_t seed, std::atomic<std::int64_t>& wall)
      : random_(seed),
        wall_(wall),
        now_(std::chrono::seconds(uniform(0, 100000))),
        history_(directory, board(), [this] { return wall_.load(); }),
        analysis_(options()) {
    History::Restored restored = history_.start(now_);
    if (restored.carried) carried_ = *restored.carried;
    learned_ = restored.learned;
    analysis_.restore(restored.carried, restored.learned, now_);
  }

  void live(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      second();
      analysis_.advance(now_);
      analysis_.set_storage(history_.view());
      last_ = analysis_.make_snapshot(now_);
      ASSERT_TRUE(lifetime_of(*last_).conserved());
      const std::uint64_t before = history_.view().commits;
      history_.offer(last_);
      // The history thread is waited for, so that the test knows what is on disk.
      if (policy_.is_due(*last_)) {
        policy_.committed(*last_);
        ASSERT_TRUE(test::eventually([&] { return history_.view().commits > before; }));
        committed_ = lifetime_of(*last_);
      }
    }
  }
  void stop() {
    history_.stop(last_);
    committed_ = lifetime_of(*last_);
  }
  // As if killed: what was not committed is gone.
  void die() { history_.stop(nullptr); }

  const Books& carried() const { return carried_; }
  const LearnedState& learned() const { return learned_; }
  const std::optional<Books>& committed() const { return committed_; }
  const SnapshotPtr& last() const { return last_; }
  std::uint64_t commits() const { return history_.view().commits; }

 private:
  static AnalysisOptions options() {
    AnalysisOptions o;
    o.attribution.cores = 6;
    o.attribution.unresolved_limit = 60s;
    return o;
  }
  std::int64_t uniform(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

  void second() {
    now_ += 1s;
    wall_ += 1;
    const bool busy = !open_.empty();
    Batch batch;
    batch.collector = "rails";
    batch.readings = {{Signal::board_power_watts, "", "input_rail",
                       busy ? 12 + static_cast<double>(uniform(0, 9)) / 7 : 4.5, now_},
                      {Signal::gpu_utilization_ratio, "0", "", busy ? 0.9 : 0.0, now_},
                      {Signal::nvpmodel_mode, "", "25W", 1, now_},
                      {Signal::clocks_locked, "", "", 0, now_},
                      {Signal::cpu_seconds, "0", "user", cpu_ += busy ? 0.9 : 0.02, now_}};
    analysis_.add(batch);
    if (chance(0.05)) begin();
    if (busy && chance(0.2)) end();
  }
  void begin() {
    analysis_.add(RequestStarted{++id_, Witness::relay, kServer, "/api/chat", Operation::chat, now_});
    RequestDescribed described;
    described.id = id_;
    described.model = chance(0.5) ? "qwen2.5:7b" : "llama3.2:1b";
    described.streamed = chance(0.5);
    analysis_.add(described);
    open_.push_back(id_);
  }
  void end() {
    RequestEnded ended;
    ended.id = open_.front();
    open_.erase(open_.begin());
    ended.at = now_;
    ended.status_code = 200;
    ended.counts = FinalCounts{};
    ended.counts->total_duration = 1s;
    ended.counts->prompt_eval_duration = 300ms;
    ended.counts->eval_duration = std::chrono::milliseconds(uniform(0, 5000));
    ended.counts->output_tokens = uniform(0, 60);
    analysis_.add(ended);
  }

  std::mt19937_64 random_;
  std::atomic<std::int64_t>& wall_;
  MonotonicTime now_;
  double cpu_ = 0;
  RequestId id_ = 0;
  std::vector<RequestId> open_;
  History history_;
  Analysis analysis_;
  CommitPolicy policy_{now_};
  Books carried_;
  LearnedState learned_;
  SnapshotPtr last_;
  std::optional<Books> committed_;
};

TEST(History, TheLifetimeIsExactThroughRestartsAtRandomMoments) {
  TempTree tree;
  std::mt19937_64 random(11);
  std::atomic<std::int64_t> wall = 1'763'900'000;
  Books expected;
  std::int64_t measured_by_runs = 0;
  int kills = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    AgentRun run(tree.root(), seed, wall);
    ASSERT_EQ(run.carried(), carried_over(expected));
    run.live(std::uniform_int_distribution<int>(1, 150)(random));
    if (HasFatalFailure()) return;
    if (random() % 2 == 0) {
      run.stop();
    } else {
      run.die();
      ++kills;
    }
    if (run.committed()) {
      measured_by_runs += run.committed()->measured.energy_nj - expected.measured.energy_nj;
      expected = *run.committed();
    }
    ASSERT_TRUE(expected.conserved());
    wall += std::uniform_int_distribution<int>(0, 5000)(random);
  }
  EXPECT_GT(kills, 5);
  EXPECT_EQ(expected.measured.energy_nj, measured_by_runs);
  EXPECT_GT(expected.interrupted.energy_nj, 0);
  EXPECT_EQ(expected.attributed.size(), 2u);
}

TEST(History, WhatWasLearnedIsKnownAtOnce) {
  TempTree tree;
  std::atomic<std::int64_t> wall = 1'763'900'000;
  {
    AgentRun first(tree.root(), 3, wall);
    first.live(400);
    first.stop();
    ASSERT_FALSE(first.last()->learned->baselines.empty());
  }
  wall += 3600;
  AgentRun second(tree.root(), 4, wall);
  EXPECT_FALSE(second.learned().baselines.empty());
  EXPECT_FALSE(second.learned().series.empty());
  second.live(2);
  EXPECT_FALSE(second.last()->learned->baselines.empty());
  second.stop();
  wall += 25 * 3600;
  AgentRun third(tree.root(), 5, wall);
  EXPECT_TRUE(third.learned().baselines.empty()) << "older than a day";
}

TEST(History, CommitsNothingWhenNothingChanged) {
  TempTree tree;
  std::atomic<std::int64_t> wall = 1'763'900'000;
  History history(tree.root(), board(), [&] { return wall.load(); });
  const History::Restored restored = history.start(MonotonicTime{});
  auto still = std::make_shared<Snapshot>();
  still->carried = restored.carried;
  for (int minute = 0; minute < 120; ++minute) {
    still = std::make_shared<Snapshot>(*still);
    still->at += 1min;
    history.offer(still);
  }
  history.stop(still);
  EXPECT_EQ(history.view().commits, 0u);
  EXPECT_TRUE(history.view().up);
}

TEST(History, GoesOnWithoutADirectory) {
  TempTree tree;
  tree.write("file", "x");
  History history(tree.path("file/inside"), board(), [] { return std::int64_t{1}; });
  const History::Restored restored = history.start(MonotonicTime{});
  EXPECT_FALSE(restored.carried);
  EXPECT_FALSE(history.view().up);
  EXPECT_THAT(history.view().error, HasSubstr("--storage.path"));
  auto snapshot = std::make_shared<Snapshot>();
  history.offer(snapshot);
  history.stop(snapshot);
}

// A disk that answers when start() has given up, and one that hangs while the last is committed.
class SlowDisk {
 public:
  explicit SlowDisk(int hangs_at_call) : hangs_at_call_(hangs_at_call) {}
  History::WallClock clock() const {
    return [calls = calls_, go = go_, at = hangs_at_call_] {
      if (++*calls == at) go->get_future().wait();
      return std::int64_t{1'763'900'000};
    };
  }
  void answer() { go_->set_value(); }
  int calls() const { return *calls_; }

 private:
  const int hangs_at_call_;
  std::shared_ptr<std::atomic<int>> calls_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::promise<void>> go_ = std::make_shared<std::promise<void>>();
};

TEST(History, AFileThatOpensTooLateIsNotKept) {
  TempTree tree;
  SlowDisk disk(1);
  History history(tree.root(), board(), disk.clock(), 1ms);
  EXPECT_FALSE(history.start(MonotonicTime{}).carried);
  disk.answer();
  // The file was opened and given back.
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(tree.root() / StateFile::kName); }));
  ASSERT_TRUE(test::eventually([&] {
    try {
      StateFile(tree.root(), 1);
      return true;
    } catch (const StorageError&) {
      return false;
    }
  }));
  EXPECT_FALSE(history.view().up);
  EXPECT_THAT(history.view().error, HasSubstr("does not answer"));
  history.stop(nullptr);
}

TEST(History, WaitsForADiskThatHangsUntilTheDeadlineOnly) {
  TempTree tree;
  SlowDisk disk(3);  // file, first start, commit
  History history(tree.root(), board(), disk.clock());
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->carried = history.start(MonotonicTime{}).carried;
  ASSERT_TRUE(snapshot->carried);
  snapshot->ledger.measured_energy_nj = 5;
  history.finish(snapshot);
  ASSERT_TRUE(test::eventually([&] { return disk.calls() == 3; }));
  const auto before = std::chrono::steady_clock::now();
  history.stop(snapshot, before);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 3s);
  EXPECT_EQ(history.view().commits, 0u);
  disk.answer();
  EXPECT_TRUE(test::eventually([&] { return history.view().commits == 1; })) << "asked for by finish()";
}

TEST(History, ASecondAgentDoesNotTouchTheBooks) {
  TempTree tree;
  std::atomic<std::int64_t> wall = 1'763'900'000;
  AgentRun first(tree.root(), 1, wall);
  History second(tree.root(), board(), [&] { return wall.load(); });
  EXPECT_FALSE(second.start(MonotonicTime{}).carried);
  EXPECT_THAT(second.view().error, HasSubstr("in use by another tegrascope"));
}

}  // namespace
}  // namespace tegrascope
