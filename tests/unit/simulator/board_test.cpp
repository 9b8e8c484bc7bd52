#include "simulator/board.hpp"

#include <gtest/gtest.h>

#include "simulator/models.hpp"

namespace tegrascope::simulator {
namespace {

using namespace std::chrono_literals;

class BoardTest : public ::testing::Test {
 protected:
  static MonotonicTime at(double seconds) { return MonotonicTime{100s} + from_seconds(seconds); }
  std::int64_t load(Placement placement, double fraction, double begin, double end) {
    const std::int64_t pid = board.start_runner(model, placement, fraction, 40001, RunnerKind::llama_server,
                                                from_seconds(end - begin), at(begin));
    board.set_work(RunnerWork::idle, at(end));
    return pid;
  }
  SimulatedModel model = *find_model("qwen2.5:7b");
  SimulatedBoard board{7, MonotonicTime{100s}};
};

TEST_F(BoardTest, AnIdleBoardDrawsIdlePower) {
  EXPECT_NEAR(board.vdd_in_joules(at(10)), 46.0, 1e-6);
  const BoardState state = board.sample(at(10));
  EXPECT_NEAR(state.rails[0].milliwatts(), 4600, 150);
  EXPECT_NEAR(state.rails[1].milliwatts(), 550, 80);
  EXPECT_NEAR(state.rails[2].milliwatts(), 1450, 80);
  EXPECT_EQ(state.gpu_load_permille, 0);
  EXPECT_FALSE(state.runner.has_value());
}

TEST_F(BoardTest, JoulesAreTheSumOfTheSteps) {
  load(Placement::gpu, 1, 0, 2);
  board.set_work(RunnerWork::decode, at(5));
  const double decoding = board_load(RunnerWork::decode, model, Placement::gpu, 1).power.vdd_in;
  const double loading = board_load(RunnerWork::load, model, Placement::gpu, 1).power.vdd_in;
  board.set_work(RunnerWork::idle, at(9));
  EXPECT_NEAR(board.vdd_in_joules(at(10)), 2 * loading + 3 * 4.6 + 4 * decoding + 1 * 4.6, 1e-6);
  EXPECT_NEAR(board.gpu_busy_seconds(at(10)), 4 * 0.97, 1e-6);
  EXPECT_NEAR(decoding, 13.0, 0.2);
}

TEST_F(BoardTest, SamplingInBetweenChangesNoTruth) {
  SimulatedBoard other{99, MonotonicTime{100s}};
  for (SimulatedBoard* b : {&board, &other}) {
    b->start_runner(model, Placement::gpu, 1, 40001, RunnerKind::llama_server, 1s, at(1));
    b->set_work(RunnerWork::decode, at(2));
  }
  for (int i = 1; i < 400; ++i) other.sample(at(2 + i * 0.01));
  EXPECT_NEAR(board.vdd_in_joules(at(6)), other.vdd_in_joules(at(6)), 1e-6);
  EXPECT_NEAR(board.gpu_busy_seconds(at(6)), other.gpu_busy_seconds(at(6)), 1e-9);
}

TEST_F(BoardTest, GpuLoadIsAMovingAverageOf284Milliseconds) {
  load(Placement::gpu, 1, 0, 1);
  board.set_work(RunnerWork::decode, at(2));
  EXPECT_NEAR(board.sample(at(2.142)).gpu_load_permille, 485, 80);
  EXPECT_NEAR(board.sample(at(2.4)).gpu_load_permille, 970, 40);
  board.set_work(RunnerWork::idle, at(3));
  EXPECT_NEAR(board.sample(at(3.142)).gpu_load_permille, 485, 80);
  EXPECT_EQ(board.sample(at(3.4)).gpu_load_permille, 0);
}

TEST_F(BoardTest, CpuDecodeUsesAlmostAllCoresAndNoGpu) {
  load(Placement::cpu, 0, 0, 1);
  board.set_work(RunnerWork::decode, at(2));
  const BoardState before = board.sample(at(2));
  const BoardState after = board.sample(at(4));
  const double used = after.runner->user_seconds + after.runner->system_seconds -
                      before.runner->user_seconds - before.runner->system_seconds;
  EXPECT_NEAR(used / 2, 5.6, 0.01);
  EXPECT_EQ(after.gpu_load_permille, 0);
  EXPECT_NEAR(after.rails[0].milliwatts(), 9500, 300);
}

TEST_F(BoardTest, PartialPlacementFollowsTheFormula) {
  load(Placement::partial, 0.5, 0, 1);
  board.set_work(RunnerWork::decode, at(2));
  const double share = gpu_time_share(model, 0.5);
  EXPECT_NEAR(share, 0.29, 0.01);  // g .5 at a speed ratio of 2.45
  EXPECT_NEAR(board.sample(at(4)).gpu_load_permille, 970 * share, 40);
}

TEST_F(BoardTest, CoresAddUpToSixAndNeverGoBack) {
  load(Placement::cpu, 0, 0, 1);
  BoardState last = board.sample(at(1));
  for (int i = 1; i <= 300; ++i) {
    if (i == 50) board.set_work(RunnerWork::decode, at(1.5));
    if (i == 200) board.end_runner(at(3));
    const BoardState state = board.sample(at(1 + i * 0.01));
    double sum = 0;
    for (std::size_t c = 0; c < state.cores.size(); ++c) {
      EXPECT_GE(state.cores[c].idle, last.cores[c].idle);
      EXPECT_GE(state.cores[c].user, last.cores[c].user);
      sum += state.cores[c].user + state.cores[c].system + state.cores[c].idle + state.cores[c].iowait;
    }
    EXPECT_NEAR(sum, 6 * to_seconds(state.uptime), 1e-3);
    last = state;
  }
}

TEST_F(BoardTest, MemoryGrowsWhileTheModelLoads) {
  board.start_runner(model, Placement::gpu, 1, 40001, RunnerKind::llama_server, 2s, at(0));
  const std::uint64_t half = board.sample(at(1)).gpu_bytes;
  board.set_work(RunnerWork::idle, at(2));
  const std::uint64_t all = board.sample(at(2)).gpu_bytes;
  EXPECT_NEAR(static_cast<double>(half) / static_cast<double>(all), 0.5, 0.01);
  EXPECT_EQ(all, model.weights_bytes + model.working_bytes);
}

TEST_F(BoardTest, ANewRunnerHasANewPidAndTheBoardWarmsUp) {
  const std::int64_t first = load(Placement::gpu, 1, 0, 1);
  const double cool = board.sample(at(1)).gpu_celsius;
  board.set_work(RunnerWork::decode, at(1));
  const double warm = board.sample(at(60)).gpu_celsius;
  EXPECT_GT(warm, cool + 8);
  EXPECT_LT(warm, 80);
  const std::int64_t second =
      board.start_runner(model, Placement::cpu, 0, 40002, RunnerKind::llama_server, 1s, at(61));
  EXPECT_NE(first, second);
  EXPECT_EQ(board.sample(at(61.5)).runner->pid, second);
}

TEST(ModelsTest, RatesComeFromTheTable) {
  const SimulatedModel& model = *find_model("qwen2.5:7b");
  EXPECT_DOUBLE_EQ(decode_rate(model, Placement::gpu, 1), 9.31);
  EXPECT_DOUBLE_EQ(decode_rate(model, Placement::cpu, 0), 3.80);
  const double partial = decode_rate(model, Placement::partial, 0.6);
  EXPECT_GT(partial, 3.80);
  EXPECT_LT(partial, 9.31);
  EXPECT_EQ(find_model("nosuch"), nullptr);
  EXPECT_EQ(manifest_digest(model).size(), 64u);
  EXPECT_NE(manifest_digest(model), blob_digest(model));
}

}  // namespace
}  // namespace tegrascope::simulator
