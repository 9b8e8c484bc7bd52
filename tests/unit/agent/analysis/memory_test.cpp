// Roofline and headroom through the whole analysis.
#include <gmock/gmock.h>

#include "agent/attribution/roofline.hpp"
#include "board.hpp"

namespace tegrascope {
namespace {

using testing::Contains;
using testing::Not;

ServerState qwen(std::uint64_t file_bytes) {
  ServerState state;
  state.server = {kServer, std::string("http://") + kServer, kServe.pid};
  state.up = state.models_known = true;
  ResidentModel model;
  model.name = "qwen2.5:7b";
  model.quantization = "Q4_K_M";
  model.size_bytes = model.size_vram_bytes = 5'300'000'000;
  model.file_bytes = file_bytes;
  state.models = {model};
  return state;
}

void read(Board& board, std::vector<Reading> readings) {
  Batch batch;
  batch.collector = "emc";
  batch.readings = std::move(readings);
  for (Reading& r : batch.readings) r.at = t(board.now());
  board.analysis().add(batch);
}

// 40 tokens in 4 s, as Board::whole_request() has it.
RequestRecord decode_of(Board& board, std::optional<double> peak) {
  board.run_until(1.5, 5, 0, 0);
  if (peak) read(board, {{Signal::emc_peak_bytes_per_second, "", "", *peak, {}}});
  board.whole_request(1, 1, 12, 0.97, 0.3);
  return board.snapshot()->recent.at(0);
}

TEST(Memory, ADecodeHasItsBandwidth) {
  Board board;
  board.analysis().add(qwen(4'683'073'184));
  const RequestRecord record = decode_of(board, 102.4e9);
  ASSERT_TRUE(record.roofline);
  EXPECT_NEAR(record.roofline->bytes_per_second, 46.8e9, 0.1e9);
  EXPECT_NEAR(record.roofline->of_peak().value(), 0.457, 0.001);
  EXPECT_THAT(record.reasons, Not(Contains(kImpossibleBandwidth)));
  const RooflineSums& sums = board.model().roofline;
  EXPECT_EQ(sums.requests, 1u);
  EXPECT_NEAR(sums.bytes, 40 * 4'683'073'184.0, 1e3);
  EXPECT_NEAR(sums.peak_bytes, 4 * 102.4e9, 1e3);
  EXPECT_EQ(sums.time, 4s);
}

TEST(Memory, TheImpossibleIsMarkedAndLeftOut) {
  Board board;
  board.analysis().add(qwen(4'683'073'184));
  const RequestRecord record = decode_of(board, 40e9);  // 46.8 GB/s over a bus of 40
  EXPECT_THAT(record.reasons, Contains(kImpossibleBandwidth));
  EXPECT_EQ(board.model().roofline.impossible, 1u);
  EXPECT_EQ(board.model().roofline.requests, 0u);
  EXPECT_EQ(board.model().roofline.bytes, 0);
}

TEST(Memory, AModelThatWasUnloadedIsStillKnown) {
  Board board;
  board.analysis().add(qwen(4'683'073'184));
  ServerState empty = qwen(1);
  empty.models.clear();
  board.run_until(1, 5, 0, 0);
  board.start(1, 1);
  board.describe(1, "qwen2.5:7b", true);
  board.run_until(5, 12, 0.97, 0.3);
  board.end(1, 2, 5, 40, 3);
  board.analysis().add(empty);
  board.run_until(8, 5, 0, 0);
  EXPECT_TRUE(board.snapshot()->recent.at(0).roofline);
}

TEST(Memory, AMixtureOfExpertsIsNotInTheSums) {
  Board board;
  ServerState state = qwen(4'683'073'184);
  state.models[0].shape = ModelShape{};
  state.models[0].shape->expert_count = 32;
  state.models[0].shape->expert_used_count = 4;
  board.analysis().add(state);
  EXPECT_TRUE(decode_of(board, 40e9).roofline->is_bound());
  EXPECT_EQ(board.model().roofline.requests, 0u);
  EXPECT_EQ(board.model().roofline.impossible, 0u);
}

TEST(Memory, WithoutThePeakOnlyTheBandwidth) {
  Board board;
  board.analysis().add(qwen(4'683'073'184));
  EXPECT_FALSE(decode_of(board, std::nullopt).roofline->of_peak());
  EXPECT_EQ(board.model().roofline.requests, 1u);
  EXPECT_EQ(board.model().roofline.peak_bytes, 0);
}

TEST(Memory, TheSnapshotHasTheHeadroom) {
  Board board;
  board.analysis().add(qwen(4'683'073'184));
  board.run_until(1, 5, 0, 0);
  EXPECT_FALSE(board.snapshot()->headroom);
  read(board,
       {{Signal::memory_total_bytes, "", "", 8e9, {}}, {Signal::memory_available_bytes, "", "", 2e9, {}}});
  const auto headroom = board.snapshot()->headroom;
  ASSERT_TRUE(headroom);
  EXPECT_EQ(headroom->fits_bytes, 2'000'000'000u - 536'870'912u);
  EXPECT_EQ(headroom->fits_unloaded_bytes, 7'300'000'000u - 536'870'912u);
}

}  // namespace
}  // namespace tegrascope
