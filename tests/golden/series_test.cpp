// How many series one board makes: with one model, and under a flood of invented names.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "collectors/collector.hpp"
#include "collectors/jetson/board.hpp"
#include "exporters/prometheus/view.hpp"
#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSeriesWithOneModel = 800;

// As Prometheus stores them: a histogram is its buckets, +Inf, sum and count.
std::size_t series_of(const std::vector<prometheus::MetricFamily>& families) {
  std::size_t count = 0;
  for (const auto& family : families) {
    for (const auto& metric : family.metric)
      count += family.type == prometheus::MetricType::Histogram ? metric.histogram.bucket.size() + 3 : 1;
  }
  return count;
}

std::size_t series(Board& board) { return series_of(to_families(*board.snapshot(), {"0.0.0", "test"})); }

void read_all(Board& board, const fs::path& root) {
  const HostPaths paths{root / "proc", root / "sys", root, {}};
  for (const CollectorInfo& info : builtin_collectors()) {
    if (!info.on_by_default) continue;
    const auto collector = info.make(paths);
    Batch batch;
    batch.collector = collector->name();
    batch.started = batch.finished = t(board.now());
    collector->collect(batch);
    batch.processes.clear();
    batch.lists_processes = false;
    for (Reading& reading : batch.readings) reading.at = t(board.now());
    board.analysis().add(batch);
  }
}

TEST(Series, OneBoardWithOneModelHasAtMostEightHundred) {
  std::size_t most = 0;
  for (const auto& entry : fs::directory_iterator(TEGRASCOPE_FIXTURES)) {
    if (!entry.is_directory()) continue;
    Board board;
    board.run_until(2, 5, 0, 0);
    board.whole_request(1, 3, 12, 0.97, 0.4);
    for (const Operation operation : {Operation::generate, Operation::embed, Operation::other}) {
      const auto id = static_cast<RequestId>(10 + static_cast<int>(operation));
      board.analysis().add(RequestStarted{id, Witness::relay, kServer, "/api/x", operation, t(board.now())});
      board.describe(id, "qwen2.5:7b", false);
      board.end(id, board.now(), board.now() + 0.5, 4, 0.4);
    }
    ServerLog log;
    log.server = kServer;
    log.followed = true;
    for (const ReasonClass reason : kReasonClasses) log.load_failures[reason] = 1;
    board.analysis().add(log);
    board.analysis().add(RelayView{});
    board.analysis().add(CaptureView{});
    read_all(board, entry.path());
    const std::size_t count = series(board);
    std::printf("%s: %zu series\n", entry.path().filename().c_str(), count);
    EXPECT_GT(count, 250U);
    EXPECT_LE(count, kMostSeriesWithOneModel) << entry.path();
    most = std::max(most, count);
  }
  EXPECT_GT(most, 400U);
}

TEST(Series, TenThousandInventedNamesAreOther) {
  Board board;
  board.run_until(2, 5, 0, 0);
  const std::size_t before = series(board);
  for (int i = 0; i < 10000; ++i) {
    const auto id = static_cast<RequestId>(i + 1);
    board.start(id, board.now());
    board.describe(id, "invented" + std::to_string(i), true);
    RequestEnded ended;
    ended.id = id;
    ended.at = t(board.now() + 0.001);
    ended.status_code = 404;
    ended.outcome = Outcome::error;
    board.analysis().add(ended);
  }
  board.run_until(8, 5, 0, 0);
  const std::size_t after = series(board);
  std::printf("%zu series before, %zu after 10,000 invented names\n", before, after);
  EXPECT_LE(after, before + 250) << "one more model: other";
  std::uint64_t counted = 0;
  const SnapshotPtr last = board.snapshot();
  for (const ModelView& view : last->models) {
    EXPECT_TRUE(view.model == "other" || view.model == "qwen2.5:7b") << view.model;
    for (const auto& [route, count] : view.requests) counted += count;
  }
  EXPECT_EQ(counted, 10000U);
}

// A server that answers every name with 200, as llama.cpp's does.
TEST(Series, ThoseThatAServerAnswersForStopAtTheCapAndAreCounted) {
  Board board;
  board.run_until(2, 5, 0, 0);
  for (int i = 0; i < 10000; ++i) {
    const auto id = static_cast<RequestId>(i + 1);
    board.start(id, board.now());
    board.describe(id, "invented" + std::to_string(i), false);
    board.end(id, board.now(), board.now() + 0.001, 1, 0.001);
  }
  board.run_until(8, 5, 0, 0);
  const SnapshotPtr last = board.snapshot();
  std::set<std::string> labels;
  for (const ModelView& view : last->models) labels.insert(view.model);
  EXPECT_LE(labels.size(), 17U);
  EXPECT_EQ(labels.count("other"), 1U);
  EXPECT_EQ(last->label_overflow_models, 10000U - 15U) << "the resident model and fifteen have labels";
  std::printf("%zu series with the cap reached\n", series(board));
  EXPECT_LT(series(board), 5000U);
}

TEST(Series, AModelUnseenForADayIsGoneAndItsEnergyIsStillAccountedFor) {
  Board board;
  board.run_until(2, 5, 0, 0);
  board.whole_request(1, 3, 12, 0.97, 0.4);
  EXPECT_GT(joules(board.model(), Phase::decode), 10);
  ServerState none;
  none.server = {kServer, std::string("http://") + kServer, kServe.pid};
  none.up = true;
  none.models_known = true;
  none.at = t(board.now());
  board.analysis().add(none);
  board.analysis().advance(t(board.now()) + 25h);
  const SnapshotPtr next_day = board.analysis().make_snapshot(t(board.now()) + 25h);
  EXPECT_TRUE(next_day->models.empty());
  const LedgerView& ledger = next_day->ledger;
  EXPECT_GT(ledger.forgotten_energy_nj, 10'000'000'000);
  std::int64_t sum = ledger.pending_energy_nj + ledger.forgotten_energy_nj;
  for (const auto& [reason, energy] : ledger.unattributed_energy_nj) sum += energy;
  EXPECT_EQ(sum, ledger.measured_energy_nj);
  EXPECT_TRUE(board.analysis().attribution().ledger().balanced());
}

}  // namespace
}  // namespace tegrascope
