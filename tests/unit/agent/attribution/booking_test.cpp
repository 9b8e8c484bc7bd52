#include "agent/attribution/booking.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Nanoseconds since_zero) { return MonotonicTime{since_zero}; }

constexpr ProcessId kRunner{100, 1};

OpenRequest closed_request(RequestId id, std::vector<PhaseWindow> windows) {
  OpenRequest r;
  r.id = id;
  r.model = {"127.0.0.1:11434", "m"};
  r.closed = true;
  r.seen.started = windows.front().begin;
  r.seen.ended = windows.back().end;
  r.windows.windows = std::move(windows);
  r.runner = kRunner;
  return r;
}

Slice one_second() {
  Slice s;
  s.begin = at(0s);
  s.end = at(1s);
  s.idle_nj = 1000;
  s.ollama_nj = 2001;
  s.other_nj = 7;
  s.ollama_gpu_ns = 101;
  s.other_gpu_ns = 3;
  s.runner_cpu_ns = {{kRunner, 11}};
  return s;
}

std::int64_t energy(const Booking& b) {
  std::int64_t sum = 0;
  for (const auto& r : b.requests) sum += r.amounts.energy_nj;
  for (const auto& u : b.unattributed) sum += u.energy_nj;
  return sum;
}

TEST(BookSlice, OneRequestGetsItAllButTheOthersShare) {
  std::map<RequestId, OpenRequest> requests{{1, closed_request(1, {{Phase::decode, at(0s), at(1s)}})}};
  Slice slice = one_second();
  slice.open = {1};
  const Booking b = book_slice(slice, requests);
  ASSERT_EQ(b.requests.size(), 1u);
  EXPECT_EQ(b.requests[0].amounts.energy_nj, 3001);
  EXPECT_EQ(b.requests[0].amounts.idle_energy_nj, 1000);
  EXPECT_EQ(b.requests[0].amounts.gpu_busy_ns, 101);
  EXPECT_EQ(b.requests[0].amounts.cpu_ns, 11);
  EXPECT_EQ(b.requests[0].phase, Phase::decode);
  EXPECT_FALSE(b.requests[0].shared);
  EXPECT_EQ(energy(b), slice.energy_nj());
}

TEST(BookSlice, WaitingInTheQueueCostsNothing) {
  std::map<RequestId, OpenRequest> requests{{1, closed_request(1, {{Phase::decode, at(0s), at(1s)}})},
                                            {2, closed_request(2, {{Phase::queue, at(0s), at(1s)}})}};
  Slice slice = one_second();
  slice.open = {1, 2};
  const Booking b = book_slice(slice, requests);
  ASSERT_EQ(b.requests.size(), 1u);
  EXPECT_EQ(b.requests[0].id, 1u);
  EXPECT_EQ(energy(b), slice.energy_nj());
}

TEST(BookSlice, NobodyWorksMeansBypassAndIdle) {
  std::map<RequestId, OpenRequest> requests{{2, closed_request(2, {{Phase::queue, at(0s), at(1s)}})}};
  Slice slice = one_second();
  slice.open = {2};
  const Booking b = book_slice(slice, requests);
  EXPECT_TRUE(b.requests.empty());
  std::map<Unattributed, std::int64_t> by_reason;
  for (const auto& u : b.unattributed) by_reason[u.reason] += u.energy_nj;
  EXPECT_EQ(by_reason[Unattributed::idle], 1000);
  EXPECT_EQ(by_reason[Unattributed::bypass], 2001);
  EXPECT_EQ(by_reason[Unattributed::other], 7);
}

TEST(BookSlice, SplitsAtAPhaseEdgeInside) {
  std::map<RequestId, OpenRequest> requests{
      {1, closed_request(1, {{Phase::prefill, at(0s), at(250ms)}, {Phase::decode, at(250ms), at(1s)}})}};
  Slice slice = one_second();
  slice.open = {1};
  const Booking b = book_slice(slice, requests);
  ASSERT_EQ(b.requests.size(), 2u);
  EXPECT_EQ(b.requests[0].phase, Phase::prefill);
  EXPECT_EQ(b.requests[0].amounts.idle_energy_nj, 250);
  EXPECT_EQ(b.requests[1].phase, Phase::decode);
  EXPECT_EQ(b.requests[1].amounts.idle_energy_nj, 750);
  EXPECT_EQ(energy(b), slice.energy_nj());
}

Booking book_two(OpenRequest first, OpenRequest second, const UnitCosts& costs = {}) {
  std::map<RequestId, OpenRequest> requests{{1, std::move(first)}, {2, std::move(second)}};
  Slice slice = one_second();
  slice.ollama_nj = 2000;
  slice.open = {1, 2};
  Booking b = book_slice(slice, requests, costs);
  EXPECT_EQ(energy(b), slice.energy_nj());
  return b;
}

OpenRequest decoding(RequestId id, std::int64_t tokens) {
  OpenRequest r = closed_request(id, {{Phase::decode, at(0s), at(1s)}});
  r.tell_tokens(tokens, at(1s));
  return r;
}

std::int64_t dynamic_nj(const RequestShare& share) {
  return share.amounts.energy_nj - share.amounts.idle_energy_nj;
}

TEST(BookSlice, DecodesOfOneModelShareByTheirTokens) {
  const Booking b = book_two(decoding(1, 10), decoding(2, 30));
  EXPECT_EQ(dynamic_nj(b.requests[0]), 500);
  EXPECT_EQ(dynamic_nj(b.requests[1]), 1500);
  EXPECT_TRUE(b.requests[0].shared);
  EXPECT_FALSE(b.requests[0].equal);
}

const ModelKey kModel{"127.0.0.1:11434", "m"};

// A pass of one costs 0.5 J and 50 ms, one of two 0.6 J and 60 ms; a prompt draws 15 W.
UnitCosts learned() {
  UnitCosts costs;
  for (int i = 0; i < 2; ++i) costs.learn(kModel, Phase::prefill, 15);
  costs.learn_passes(kModel, 1, {100, 50, 5, 0});
  costs.learn_passes(kModel, 2, {100, 60, 6, 0});
  return costs;
}

OpenRequest prefilling(RequestId id, std::int64_t prompt_tokens) {
  OpenRequest r = closed_request(id, {{Phase::prefill, at(0s), at(1s)}});
  r.seen.counts = FinalCounts{};
  r.seen.counts->prompt_tokens = prompt_tokens;
  return r;
}

// Its tokens are told meanwhile.
OpenRequest followed(RequestId id, std::int64_t tokens) {
  OpenRequest r = closed_request(id, {{Phase::decode, at(0s), at(1s)}});
  r.tell_tokens(0, at(0s));
  r.tell_tokens(tokens / 2, at(500ms));
  r.tell_tokens(tokens, at(1s));
  return r;
}

TEST(BookSlice, APromptPaysForTheTimeThatDecodePassesLeaveIt) {
  const Booking b = book_two(followed(1, 10), prefilling(2, 100), learned());
  // ten passes take 0.5 s and 5 J, the prompt draws 15 W in the other half
  EXPECT_EQ(dynamic_nj(b.requests[0]), 800);
  EXPECT_EQ(dynamic_nj(b.requests[1]), 1200);
  EXPECT_FALSE(b.requests[0].equal);
  EXPECT_NEAR(b.requests[1].prompt_seconds, 0.5, 1e-9);
  EXPECT_GT(b.requests[0].split_nj, 0);
}

TEST(BookSlice, WhereNoTokensWereToldAPromptTakesAPassForEachOfItsPieces) {
  const Booking b = book_two(decoding(1, 10), prefilling(2, 2000), learned());
  // 2000 tokens in four passes of 50 ms and 0.5 J, the rest is the prompt's
  EXPECT_NEAR(b.requests[1].prompt_seconds, 0.8, 1e-9);
  EXPECT_EQ(dynamic_nj(b.requests[0]), 286);  // 2 J of 14
}

TEST(BookSlice, ADecodeThatStandsStillBesideAPromptDrawsLittle) {
  OpenRequest slow = closed_request(1, {{Phase::decode, at(-9s), at(1s)}});
  slow.tell_tokens(200, at(0s));
  slow.tell_tokens(201, at(500ms));
  slow.tell_tokens(202, at(1s));
  const Booking b = book_two(slow, prefilling(2, 100), learned());
  EXPECT_EQ(dynamic_nj(b.requests[0]), 138);  // 1 J of 14.5
}

TEST(BookSlice, TwoPromptsShareByTheirTokens) {
  const Booking b = book_two(prefilling(1, 100), prefilling(2, 300), learned());
  EXPECT_EQ(dynamic_nj(b.requests[0]), 500);
  EXPECT_EQ(dynamic_nj(b.requests[1]), 1500);
}

TEST(BookSlice, ALongerContextPaysForItselfButNotForTheWeights) {
  UnitCosts costs;
  // 0.2 J a token for the weights, 0.1 J for every 500 tokens of context
  for (int i = 0; i < 20; ++i) costs.learn_decode(kModel, 0.2 + 0.1 * (i % 5) * 0.8, 400.0 * (i % 5), 100);
  costs.learn_passes(kModel, 2, {100, 60, 6, 100 * 2000});  // 0.6 J: 0.2 J and 2000 tokens of context
  OpenRequest brief = decoding(1, 10);
  OpenRequest lengthy = decoding(2, 10);
  for (OpenRequest* r : {&brief, &lengthy}) r->seen.counts = FinalCounts{};
  brief.seen.counts->prompt_tokens = 5;
  lengthy.seen.counts->prompt_tokens = 1995;
  const Booking b = book_two(brief, lengthy, costs);
  EXPECT_NEAR(static_cast<double>(dynamic_nj(b.requests[0])), 2000.0 * 0.102 / 0.604, 2);
  ASSERT_EQ(b.passes.size(), 0u) << "not measured: the slice has no power";
}

TEST(BookSlice, DecodesThatHaveTheBoardAmongThemselvesTeachWhatAPassCosts) {
  std::map<RequestId, OpenRequest> requests{{1, decoding(1, 10)}, {2, decoding(2, 10)}};
  for (auto& [id, r] : requests) {
    r.seen.counts = FinalCounts{};
    r.seen.counts->prompt_tokens = 45;
  }
  Slice slice = one_second();
  slice.ollama_nj = 2'000'000'000;
  slice.energy_known = true;
  slice.open = {1, 2};
  const Booking b = book_slice(slice, requests);
  ASSERT_EQ(b.passes.size(), 1u);
  EXPECT_EQ(b.passes[0].decoders, 2);
  EXPECT_NEAR(b.passes[0].sums.passes, 10, 1e-9);
  EXPECT_NEAR(b.passes[0].sums.joules, 2, 1e-9);
  EXPECT_NEAR(b.passes[0].sums.context_tokens, 10 * 100, 1e-6);
}

TEST(BookSlice, LookingAResidentModelUpCostsNothingBesideAWorker) {
  const auto looking = [](Nanoseconds load) {
    return closed_request(2, {{Phase::load, at(0s), at(load)}, {Phase::queue, at(load), at(2s)}});
  };
  const auto shares_of_2 = [](const Booking& b) {
    return std::count_if(b.requests.begin(), b.requests.end(), [](const auto& r) { return r.id == 2; });
  };
  EXPECT_EQ(shares_of_2(book_two(decoding(1, 10), looking(50ms))), 0);
  EXPECT_EQ(shares_of_2(book_two(decoding(1, 10), looking(900ms))), 1) << "a real load";
  std::map<RequestId, OpenRequest> alone{{2, looking(50ms)}};
  Slice slice = one_second();
  slice.open = {2};
  EXPECT_EQ(book_slice(slice, alone).requests.size(), 1u);
}

TEST(BookSlice, SharesAreEqualAndSaySoWhereCostsAreUnknown) {
  const Booking b = book_two(decoding(1, 10), closed_request(2, {{Phase::prefill, at(0s), at(1s)}}));
  EXPECT_EQ(dynamic_nj(b.requests[0]), 1000);
  EXPECT_TRUE(b.requests[0].equal);
  EXPECT_TRUE(b.requests[1].equal);
}

TEST(BookSlice, CpuTimeGoesToTheRequestsOfItsRunner) {
  auto other = closed_request(2, {{Phase::decode, at(0s), at(1s)}});
  other.runner = ProcessId{200, 1};
  std::map<RequestId, OpenRequest> requests{{1, closed_request(1, {{Phase::decode, at(0s), at(1s)}})},
                                            {2, other}};
  Slice slice = one_second();
  slice.open = {1, 2};
  const Booking b = book_slice(slice, requests);
  ASSERT_EQ(b.requests.size(), 2u);
  EXPECT_EQ(b.requests[0].amounts.cpu_ns, 11);
  EXPECT_EQ(b.requests[1].amounts.cpu_ns, 0);
  EXPECT_TRUE(b.requests[0].shared);
}

TEST(BookSlice, AForgottenRequestLeavesItsPartToBypass) {
  Slice slice = one_second();
  slice.open = {9};
  EXPECT_TRUE(is_resolved(slice, {}));
  const Booking b = book_slice(slice, {});
  EXPECT_TRUE(b.requests.empty());
  EXPECT_EQ(energy(b), slice.energy_nj());
}

TEST(IsResolved, AStreamIsKnownFromItsFirstContent) {
  OpenRequest r;
  r.id = 1;
  r.seen.started = at(0s);
  r.seen.streamed = true;
  Slice slice = one_second();
  slice.open = {1};
  EXPECT_FALSE(is_resolved(slice, {{1, r}}));
  r.seen.first_content = at(0s);
  EXPECT_TRUE(is_resolved(slice, {{1, r}}));
  r.seen.streamed = false;
  EXPECT_FALSE(is_resolved(slice, {{1, r}}));
}

TEST(IsResolved, OfSeveralRequestsEachHasToEnd) {
  Slice slice = one_second();
  slice.open = {1, 2};
  OpenRequest stream = decoding(1, 10);
  OpenRequest other = decoding(2, 10);
  EXPECT_TRUE(is_resolved(slice, {{1, stream}, {2, other}}));
  other.closed = false;
  other.seen.streamed = true;
  other.seen.first_content = at(0s);
  EXPECT_FALSE(is_resolved(slice, {{1, stream}, {2, other}}));
}

}  // namespace
}  // namespace tegrascope
