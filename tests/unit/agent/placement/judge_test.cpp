#include "agent/placement/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

Evidence decode(std::optional<double> load, std::optional<double> cores, int threads = 6) {
  Evidence e;
  e.decode_window = 5s;
  e.output_tokens = 50;
  e.gpu_load_ratio = load;
  e.gpu_samples = load ? 40 : 0;
  e.runner_cores = cores;
  e.runner_threads = threads;
  e.gpu_present = true;
  return e;
}

Placement first_verdict(const Evidence& e) { return judge(e, Belief{}).verdict.placement; }

struct Row {
  const char* what;
  Evidence evidence;
  Placement expected;
};

TEST(Judge, TellsTheRegimesApartOnTheFirstRequest) {
  const std::vector<Row> rows{
      {"7b on the GPU", decode(0.97, 0.4), Placement::gpu},
      {"7b on the CPU", decode(0.01, 5.6), Placement::cpu},
      {"CPU decode squeezed by another job", decode(0.01, 3.0), Placement::unknown},
      {"small model with launch gaps", decode(0.5, 0.9), Placement::gpu},
      {"CPU work while the sensor is stuck high", decode(0.99, 5.6), Placement::unknown},
      {"no GPU sensor, CPU busy", decode(std::nullopt, 5.6), Placement::unknown},
      {"no GPU sensor, runner waits", decode(std::nullopt, 0.4), Placement::gpu},
      {"runner unreadable, GPU busy", decode(0.97, std::nullopt), Placement::gpu},
      {"nothing readable", decode(std::nullopt, std::nullopt), Placement::unknown},
  };
  for (const Row& row : rows) EXPECT_EQ(first_verdict(row.evidence), row.expected) << row.what;
}

TEST(Judge, FollowsEvidenceAgainstADeclaration) {
  Evidence e = decode(0.01, 5.6);
  e.declared_gpu_share = 1.0;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::cpu);
  EXPECT_THAT(v.flags, Contains("declared_mismatch"));
  EXPECT_THAT(v.explanation, HasSubstr("GPU 1 %, runner 5.60 cores of 6 threads, /api/ps says 100 % GPU"));
}

TEST(Judge, AnHonestDeclarationDecidesWhatEvidenceLeavesOpen) {
  Evidence e = decode(std::nullopt, 5.6);
  e.declared_gpu_share = 0.0;
  EXPECT_EQ(first_verdict(e), Placement::cpu);
}

TEST(Judge, SplitModelsArePartial) {
  Evidence e = decode(0.4, 3.0);
  e.declared_gpu_share = 0.5;
  EXPECT_EQ(first_verdict(e), Placement::partial);
}

// In a container without the host's /sys, or beside a card of another make, the agent may not see it.
TEST(Judge, AGpuThatIsSpokenForIsThereAllTheSame) {
  Evidence e = decode(0.97, 0.4);
  e.gpu_present = false;
  EXPECT_EQ(first_verdict(e), Placement::gpu);
  e = decode(std::nullopt, 0.4);
  e.gpu_present = false;
  EXPECT_EQ(judge(e, Belief{}).verdict.probability, 1) << "nothing speaks for one";
  e.gpu_library = true;
  EXPECT_NE(first_verdict(e), Placement::cpu);
  e.gpu_library.reset();
  e.declared_gpu_share = 1.0;
  EXPECT_NE(first_verdict(e), Placement::cpu);
}

TEST(Judge, ASilentGpuAndAnIdleRunnerMeanABrokenSensor) {
  const Verdict v = judge(decode(0.0, 0.4), Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::unknown);
}

TEST(Judge, WithTwoThreadsOnlyMostOfThemTells) {
  EXPECT_EQ(first_verdict(decode(0.97, 0.9, 2)), Placement::gpu);
  EXPECT_EQ(first_verdict(decode(0.01, 1.9, 2)), Placement::cpu);
}

TEST(Judge, WithoutAnyGpuItIsTheCpu) {
  Evidence e = decode(std::nullopt, std::nullopt);
  e.gpu_present = false;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::cpu);
  EXPECT_THAT(v.flags, Contains("no_gpu"));
}

TEST(Judge, AShortDecodeProvesNothing) {
  Evidence e = decode(0.01, 5.6);
  e.decode_window = 900ms;
  EXPECT_EQ(first_verdict(e), Placement::unknown);
  e.decode_window = 5s;
  e.output_tokens = 1;
  EXPECT_EQ(first_verdict(e), Placement::unknown);
}

TEST(Judge, ARequestForTheCpuIsExpected) {
  Evidence e = decode(0.01, 5.6);
  e.cpu_requested = true;
  EXPECT_THAT(judge(e, Belief{}).verdict.flags, Contains("expected"));
}

TEST(Judge, EvidenceAccumulatesButNeverLocks) {
  Belief prior;
  const Evidence squeezed = decode(0.01, 3.0);
  int requests = 0;
  for (; requests < 4; ++requests) {
    const Judgement j = judge(squeezed, prior);
    if (j.verdict.placement == Placement::cpu) break;
    prior = next_prior(j.posterior);
  }
  EXPECT_EQ(requests, 1);  // the second request decides
  for (int i = 0; i < 100; ++i) prior = next_prior(judge(decode(0.97, 0.4), prior).posterior);
  EXPECT_EQ(judge(decode(0.01, 5.6), prior).verdict.placement, Placement::cpu);
}

TEST(Judge, ASilentGpuAndAnIdleRunnerAreNamedAsABrokenSensor) {
  const Verdict v = judge(decode(0.0, 0.4), Belief{}).verdict;
  EXPECT_THAT(v.flags, Contains("sensor_suspect"));
  EXPECT_THAT(v.explanation, HasSubstr("no physical evidence"));
}

TEST(Judge, ALoadThatOthersMakeDoesNotCount) {
  Evidence e = decode(0.99, 5.6);
  e.load_doubt = LoadDoubt::foreign;
  e.declared_gpu_share = 0.0;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::cpu);
  EXPECT_THAT(v.flags, Contains("contended"));
  EXPECT_THAT(v.explanation, HasSubstr("GPU 99 % (busy before as well: not counted)"));
}

TEST(Judge, TheLogTellsASplitModelAtOnce) {
  Evidence e = decode(0.79, 0.9);
  e.logged_layers_offloaded = 26;
  e.logged_layers_total = 29;
  e.declared_gpu_share = 0.9;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::partial);
  ASSERT_TRUE(v.gpu_share);
  EXPECT_NEAR(*v.gpu_share, 26.0 / 29, 1e-9);
  EXPECT_EQ(v.gpu_share_source, "log");
  e.gpu_load_ratio = 0.99;  // more than 26 layers of 29 can make
  EXPECT_NE(first_verdict(e), Placement::partial);
}

TEST(Judge, TheShareOfASplitModelComesFromTheLoadWhenNothingIsDeclared) {
  const Verdict v = judge(decode(0.30, 3.0), {0.3, 0.1, 0.6}).verdict;
  ASSERT_EQ(v.placement, Placement::partial);
  EXPECT_NEAR(v.gpu_share.value(), 0.5, 0.01);
  EXPECT_EQ(v.gpu_share_source, "gpu_load");
}

TEST(Judge, ALogThatClaimsTheGpuIsContradicted) {
  Evidence e = decode(0.01, 5.6);
  e.logged_layers_offloaded = 29;
  e.logged_layers_total = 29;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::cpu);
  EXPECT_THAT(v.flags, Contains("declared_mismatch"));
}

TEST(Judge, ASlowDecodeOnTheGpuIsDegradedUnlessSomethingExplainsIt) {
  Evidence e = decode(0.97, 0.4);
  e.rate_ratio = 0.4;
  EXPECT_THAT(judge(e, Belief{}).verdict.flags, Contains("degraded"));
  e.throttled = true;
  const Verdict v = judge(e, Belief{}).verdict;
  EXPECT_EQ(v.placement, Placement::gpu);
  EXPECT_THAT(v.flags, testing::ElementsAre("throttled"));
}

TEST(Judge, ABusySpellProvesTheGpuLessThanADecode) {
  Evidence e = decode(0.98, 0.5);
  e.declared_gpu_share = 0.0;
  EXPECT_EQ(first_verdict(e), Placement::gpu);
  e.phases_known = false;  // it may have been a prompt, which llama.cpp evaluates on the GPU even so
  EXPECT_NE(judge(e, Belief{}).verdict.probability, 1);
  EXPECT_GT(judge(e, Belief{}).posterior.cpu, judge(decode(0.98, 0.5), Belief{}).posterior.cpu * 10);
}

TEST(Judge, EachPieceOfEvidenceIsToldWithItsScore) {
  Evidence e = decode(0.01, 5.6);
  e.gpu_library = false;
  e.declared_gpu_share = 1;
  const Verdict v = judge(e, Belief{}).verdict;
  ASSERT_EQ(v.evidence.size(), 3u);
  EXPECT_EQ(v.evidence[0].name, "gpu_load+runner_cores");
  EXPECT_EQ(v.evidence[0].cpu, 9);
  EXPECT_EQ(v.evidence[1].name, "api_ps");
  EXPECT_EQ(v.evidence[2].name, "gpu_library");
  EXPECT_EQ(v.evidence[2].partial, -5);
}

TEST(JudgeLoad, WithoutGpuCodeAnHonestPsIsEnough) {
  Evidence e;
  e.gpu_library = false;
  EXPECT_EQ(judge_load(e, Belief{}).verdict.placement, Placement::unknown);
  e.declared_gpu_share = 0;
  EXPECT_EQ(judge_load(e, Belief{}).verdict.placement, Placement::cpu);
}

TEST(JudgeLoad, NeverSaysThatTheGpuIsUsed) {
  Evidence e;
  e.gpu_library = true;
  e.declared_gpu_share = 1;
  e.logged_layers_offloaded = 29;
  e.logged_layers_total = 29;
  EXPECT_EQ(judge_load(e, Belief{}).verdict.placement, Placement::unknown);
}

TEST(Judge, BeliefsAddUpToOne) {
  const Belief p = judge(decode(0.4, 3.0), Belief{}).posterior;
  EXPECT_NEAR(p.gpu + p.cpu + p.partial, 1, 1e-12);
}

}  // namespace
}  // namespace tegrascope
