// Joules and GPU seconds are conserved exactly on any input, step by step.
#include <gtest/gtest.h>

#include <random>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

class RandomBoard {
 public:
  explicit RandomBoard(std::uint64_t seed) : random_(seed), attribution_(options()) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += std::chrono::milliseconds(uniform(1, 400));
      if (chance(0.02)) now_ += std::chrono::seconds(uniform(1, 30));
      sense();
      act();
      if (chance(0.4)) attribution_.advance(now_);
      ASSERT_TRUE(attribution_.ledger().balanced()) << "step " << i;
      expect_nothing_negative();
      settle();
    }
    for (RequestId id : open_) end(id);
    now_ += 20min;
    attribution_.advance(now_);
    settle();
    ASSERT_TRUE(attribution_.ledger().balanced());
    EXPECT_EQ(attribution_.ledger().totals().pending_energy_nj, 0);
    EXPECT_EQ(attribution_.ledger().totals().pending_gpu_busy_ns, 0);
  }

  // What the requests were told adds up to what the accounts hold.
  std::int64_t told_energy_nj() const { return told_energy_nj_; }
  std::int64_t accounted_energy_nj() const {
    std::int64_t sum = 0;
    for (const auto& [model, phases] : attribution_.ledger().accounts()) {
      for (const auto& [phase, amounts] : phases) sum += amounts.energy_nj;
    }
    return sum;
  }
  int finished() const { return finished_; }

 private:
  static AttributionOptions options() {
    AttributionOptions o;
    o.cores = 4;
    o.unresolved_limit = 30s;
    o.max_pending_slices = 400;
    return o;
  }
  std::int64_t uniform(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

  void sense() {
    if (chance(0.9))
      attribution_.sensors().add_power(now_, static_cast<double>(uniform(-500, 25000)) / 1000.0);
    if (chance(0.9))
      attribution_.sensors().add_gpu_load(now_, static_cast<double>(uniform(-10, 1100)) / 1000.0);
    cpu_ += std::chrono::milliseconds(uniform(0, 900));
    total_ += std::chrono::milliseconds(uniform(0, 1200));
    if (chance(0.8)) attribution_.sensors().add_runner_cpu({uniform(1, 2), 1}, now_, cpu_);
    if (chance(0.3)) attribution_.sensors().add_total_cpu(now_, total_);
  }

  void act() {
    if (chance(0.25)) {
      ObservedRequest seen;
      seen.operation = chance(0.2) ? Operation::embed : Operation::chat;
      seen.started = now_ - std::chrono::milliseconds(uniform(0, 1500));
      attribution_.open(++last_id_, seen, {"s", chance(0.5) ? "a" : "b"});
      if (chance(0.8)) attribution_.set_runner(last_id_, {uniform(1, 3), 1});
      seen_[last_id_] = seen;
      open_.push_back(last_id_);
    }
    if (open_.empty()) return;
    const RequestId id =
        open_[static_cast<std::size_t>(uniform(0, static_cast<std::int64_t>(open_.size()) - 1))];
    if (chance(0.2)) {
      seen_[id].streamed = true;
      seen_[id].first_content = now_ - std::chrono::milliseconds(uniform(0, 300));
      attribution_.describe(id, {"s", "a"}, true);
      attribution_.set_first_content(id, *seen_[id].first_content);
    } else if (chance(0.2)) {
      end(id);
      std::erase(open_, id);
    } else if (chance(0.02)) {
      attribution_.discard(id);
      std::erase(open_, id);
    }
  }

  void end(RequestId id) {
    ObservedRequest& seen = seen_[id];
    seen.ended = std::max(seen.started, now_ - std::chrono::milliseconds(uniform(0, 800)));
    if (chance(0.7)) {
      seen.counts = FinalCounts{};
      seen.counts->total_duration = seen.ended - seen.started;
      seen.counts->load_duration = std::chrono::milliseconds(uniform(0, 3000));
      seen.counts->prompt_eval_duration = std::chrono::milliseconds(uniform(0, 2000));
      seen.counts->eval_duration = std::chrono::milliseconds(uniform(-100, 9000));
    }
    attribution_.close(id, seen);
  }

  void settle() {
    attribution_.take_finished();
    for (const auto& booked : attribution_.take_booked()) {
      ++finished_;
      for (const auto& [phase, amounts] : booked.amounts) told_energy_nj_ += amounts.energy_nj;
    }
  }

  void expect_nothing_negative() const {
    const LedgerView& totals = attribution_.ledger().totals();
    EXPECT_GE(totals.pending_energy_nj, 0);
    EXPECT_GE(totals.pending_gpu_busy_ns, 0);
    for (const auto& [reason, nj] : totals.unattributed_energy_nj) EXPECT_GE(nj, 0);
  }

  std::mt19937_64 random_;
  Attribution attribution_;
  MonotonicTime now_{100s};
  Nanoseconds cpu_{};
  Nanoseconds total_{};
  RequestId last_id_ = 0;
  std::vector<RequestId> open_;
  std::map<RequestId, ObservedRequest> seen_;
  std::int64_t told_energy_nj_ = 0;
  int finished_ = 0;
};

TEST(Conservation, MeasuredIsAttributedPlusUnattributedPlusPendingOnRandomTimelines) {
  int finished = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomBoard board(seed);
    board.run(300);
    if (HasFatalFailure()) return;
    EXPECT_LE(board.told_energy_nj(), board.accounted_energy_nj());
    finished += board.finished();
  }
  EXPECT_GT(finished, 2000);
}

}  // namespace
}  // namespace tegrascope
