#include "agent/placement/reasons.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/corpus.hpp"
#include "tests/unit/collectors/ollama/log/decoded.hpp"

namespace tegrascope {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using enum ReasonClass;

BoardIdentity orin_nano(const std::string& l4t = "36.4.4") {
  BoardIdentity board;
  board.module = "NVIDIA Jetson Orin Nano 8GB";
  board.soc = "tegra234";
  board.l4t = l4t;
  board.jetson = true;
  return board;
}

BoardIdentity pc() {
  BoardIdentity board;
  board.kernel = "6.1.0";
  return board;
}

ServerLog log_of(Placement placement, ReasonClass reason) {
  ServerLog log;
  log.followed = true;
  log.placement = placement;
  log.reason = reason;
  return log;
}

// A native Ollama that could use the GPU as far as /proc tells.
ServeAccess sound_serve() {
  ServeAccess serve;
  serve.devices_missing = "";
  serve.devices_denied = "";
  serve.driver_library = true;
  serve.backends = {"cuda_jetpack6", "cuda_v12"};
  serve.jetpack_told = true;
  serve.forced_cpu = "";
  return serve;
}

ServeAccess in_container(ServeAccess serve) {
  serve.container = true;
  serve.container_id = "5f0c6d1be7a9";
  return serve;
}

FallbackFacts on_cpu() {
  FallbackFacts facts;
  facts.board = orin_nano();
  facts.gpu_present = true;
  return facts;
}

// ---- the three ways of the user's report

TEST(SeedCases, StockImageWithTheRuntimeThatCannotLoadTheModel) {
  FallbackFacts facts = on_cpu();
  facts.board = orin_nano("36.2.0");
  facts.observed = Placement::unknown;
  facts.load_failed = true;
  facts.serve = in_container(sound_serve());
  facts.serve->backends = {"cuda_v11", "cuda_v12"};
  facts.serve->jetpack_told = false;
  for (const ReasonClass told : {none, no_gpu, wrong_cuda_backend}) {
    facts.log = log_of(Placement::unknown, told);
    const Fallback found = find_fallback(facts);
    EXPECT_EQ(found.reason, wrong_cuda_backend);
    EXPECT_THAT(found.cure, AllOf(HasSubstr("--runtime nvidia"), HasSubstr("dustynv/ollama:r36")));
  }
  EXPECT_THAT(find_fallback(facts).why, HasSubstr("CUDA code"));
}

TEST(SeedCases, NativeInstallWithoutTheJetPackBundleFailsLikewise) {
  FallbackFacts facts = on_cpu();
  facts.load_failed = true;
  facts.serve = sound_serve();
  facts.serve->backends = {"cuda_v11", "cuda_v12"};
  const Fallback found = find_fallback(facts);
  EXPECT_EQ(found.reason, wrong_cuda_backend);
  EXPECT_THAT(found.cure, HasSubstr("install.sh"));
}

TEST(SeedCases, TheSameImageWithoutTheRuntimeOnTheCpu) {
  FallbackFacts facts = on_cpu();
  facts.serve = in_container(ServeAccess{});
  facts.serve->devices_missing = "/dev/nvhost-ctrl-gpu, /dev/nvmap";
  facts.serve->driver_library = false;
  facts.log = log_of(Placement::cpu, no_gpu);
  const Fallback found = find_fallback(facts);
  EXPECT_EQ(found.reason, no_gpu);
  EXPECT_EQ(found.why, "its container has no /dev/nvhost-ctrl-gpu, /dev/nvmap");
  EXPECT_THAT(found.cure, AllOf(HasSubstr("--runtime nvidia"), HasSubstr("JETSON_JETPACK=6"),
                                HasSubstr("docker stop CONTAINER"), Not(HasSubstr("5f0c"))));
}

TEST(SeedCases, DustynvOnTheGpuHasNoReason) {
  FallbackFacts facts = on_cpu();
  facts.observed = Placement::gpu;
  facts.serve = in_container(sound_serve());
  facts.serve->backends = {"cuda_v12"};
  facts.log = log_of(Placement::gpu, none);
  EXPECT_EQ(find_fallback(facts), Fallback{});
}

// ---- what /proc tells where the log is silent or vague

struct Row {
  const char* what;
  void (*change)(FallbackFacts&);
  ReasonClass reason;
  const char* why;
  const char* cure;
};

TEST(Reasons, ProcTellsWhatTheLogDoesNot) {
  const std::vector<Row> rows{
      {"nothing known", [](FallbackFacts& f) { f.serve.reset(); }, none, "", "tegrascope doctor"},
      {"all in order", [](FallbackFacts&) {}, none, "", "tegrascope doctor"},
      {"runner without CUDA",
       [](FallbackFacts& f) {
         f.runner = RunnerAccess{{7, 7}, false, ""};
       },
       none, "no CUDA code", "doctor"},
      {"closed nodes", [](FallbackFacts& f) { f.serve->devices_denied = "/dev/nvmap"; }, device_permission,
       "may not open /dev/nvmap", "usermod -aG video,render ollama"},
      {"no driver library", [](FallbackFacts& f) { f.serve->driver_library = false; }, no_gpu_library,
       "not installed", "nvidia-l4t-cuda"},
      {"CPU-only build", [](FallbackFacts& f) { f.serve->backends.emplace(); }, backend_missing,
       "without CUDA code", "install.sh"},
      {"code for another JetPack", [](FallbackFacts& f) { f.board = orin_nano("35.4.1"); },
       wrong_cuda_backend, "cuda_jetpack5", "install.sh"},
      {"JetPack not told",
       [](FallbackFacts& f) {
         f.serve->container = true;
         f.serve->jetpack_told = false;
       },
       wrong_cuda_backend, "cannot tell the JetPack", "JETSON_JETPACK=6"},
      {"variable", [](FallbackFacts& f) { f.serve->forced_cpu = "CUDA_VISIBLE_DEVICES=-1"; }, forced_cpu,
       "CUDA_VISIBLE_DEVICES=-1", "take out"},
      {"asked for by the client", [](FallbackFacts& f) { f.cpu_requested = true; }, forced_cpu, "num_gpu 0",
       "num_gpu 0"},
      {"no GPU at all", [](FallbackFacts& f) { f.gpu_present = false; }, no_gpu, "no NVIDIA GPU",
       "smaller model"},
      {"GPU too old", [](FallbackFacts& f) { f.board->soc = "tegra124"; }, no_gpu,
       "older than Ollama supports", "5.0"},
      {"JetPack 4", [](FallbackFacts& f) { f.board = orin_nano("32.7.4"); }, wrong_cuda_backend, "JetPack 4",
       "llama.cpp"},
  };
  for (const Row& row : rows) {
    for (const bool with_log : {false, true}) {
      SCOPED_TRACE(std::string(row.what) + (with_log ? ", log says no-gpu" : ""));
      FallbackFacts facts = on_cpu();
      facts.serve = sound_serve();
      if (with_log) facts.log = log_of(Placement::cpu, no_gpu);
      row.change(facts);
      const Fallback found = find_fallback(facts);
      if (row.reason == none && with_log) {
        EXPECT_EQ(found.reason, no_gpu);
        continue;
      }
      EXPECT_EQ(to_string(found.reason), to_string(row.reason));
      EXPECT_THAT(found.why, HasSubstr(row.why));
      EXPECT_THAT(found.cure, HasSubstr(row.cure));
    }
  }
}

TEST(Reasons, AnExactLogOutweighsWhatProcSuggests) {
  FallbackFacts facts = on_cpu();
  facts.serve = in_container(sound_serve());
  facts.serve->jetpack_told = false;
  facts.log = log_of(Placement::gpu, container_lost_gpu);
  const Fallback found = find_fallback(facts);
  EXPECT_EQ(found.reason, container_lost_gpu);
  EXPECT_THAT(found.cure, HasSubstr("docker restart CONTAINER"));
}

TEST(Reasons, PartlyOnTheGpuIsWantOfMemory) {
  FallbackFacts facts = on_cpu();
  facts.observed = Placement::partial;
  facts.serve = sound_serve();
  facts.log = log_of(Placement::partial, vram_too_small);
  EXPECT_EQ(find_fallback(facts).reason, vram_too_small);
  facts.log.reset();
  EXPECT_EQ(find_fallback(facts).reason, none);
  facts.declared_gpu_share = 0.7;
  EXPECT_EQ(find_fallback(facts).reason, vram_too_small);
  EXPECT_THAT(find_fallback(facts).cure, HasSubstr("OLLAMA_CONTEXT_LENGTH"));
  // The log is about the load of another model.
  facts.declared_gpu_share.reset();
  facts.log = log_of(Placement::cpu, no_gpu);
  EXPECT_EQ(find_fallback(facts).reason, none);
}

TEST(Reasons, AFailedLoadKeepsItsCauseWhateverTheBoard) {
  FallbackFacts facts = on_cpu();
  facts.board = pc();
  facts.gpu_present = false;
  facts.load_failed = true;
  facts.log = log_of(Placement::unknown, system_memory_too_small);
  EXPECT_EQ(find_fallback(facts).reason, system_memory_too_small);
}

TEST(Reasons, ComputeCapabilitiesOfTheBoards) {
  EXPECT_EQ(compute_capability_of("tegra234"), 8.7);
  EXPECT_EQ(compute_capability_of("tegra210"), 5.3);
  EXPECT_EQ(compute_capability_of("tegra124"), 3.2);
  EXPECT_EQ(compute_capability_of(""), std::nullopt);
}

// ---- cures

TEST(Cures, EveryReasonHasOneLineToTypeEverywhere) {
  for (const ReasonClass reason : kReasonClasses) {
    for (const char* l4t : {"", "32.7.4", "35.4.1", "36.4.4", "38.2.0"}) {
      for (const bool container : {false, true}) {
        for (const bool gpu_present : {false, true}) {
          CurePlace place = *l4t == 0 ? cure_place(pc()) : cure_place(orin_nano(l4t));
          place.container = container;
          place.gpu_present = gpu_present;
          const std::string cure = cure_for(reason, place);
          SCOPED_TRACE(cure);
          ASSERT_FALSE(cure.empty());
          EXPECT_EQ(cure.find('\n'), std::string::npos);
          EXPECT_NE(cure.front(), '#');
          // What stands before the explanation must be a command of the shell.
          const std::string command = cure.substr(0, cure.find("  # "));
          EXPECT_EQ(command.find('#'), std::string::npos);
        }
      }
    }
  }
}

TEST(Cures, TheContainerIsNamedWhereItIsTold) {
  CurePlace place = cure_place(orin_nano());
  place.container = true;
  place.container_id = "5f0c6d1be7a9";
  EXPECT_THAT(cure_for(container_lost_gpu, place), HasSubstr("docker restart 5f0c6d1be7a9"));
  EXPECT_EQ(place.l4t_major, 36);
}

// ---- every real excerpt, by its first line "# source: ..., what happened: X, cause: Y"

struct Excerpt {
  std::string name;
  std::string happened;
  std::string cause;
  std::string text;
};

std::vector<Excerpt> excerpts() {
  std::vector<Excerpt> result;
  const auto corpus = test::corpus_directory("ollama-logs");
  if (!corpus) return result;
  for (const auto& entry : std::filesystem::directory_iterator(*corpus)) {
    if (entry.path().extension() != ".log") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string told;
    std::getline(in, told);
    const auto after = [&](std::string_view key) {
      const auto at = told.find(key);
      return at == std::string::npos ? std::string() : told.substr(at + key.size());
    };
    Excerpt excerpt{entry.path().stem().string(), after("what happened: "), after("cause: "), ""};
    excerpt.text.assign(std::istreambuf_iterator<char>(in), {});
    result.push_back(std::move(excerpt));
  }
  return result;
}

// Classes that the cause names; none when it names none.
std::vector<ReasonClass> named_in(const std::string& cause) {
  std::vector<ReasonClass> named;
  for (const ReasonClass reason : kReasonClasses) {
    const std::string word(to_string(reason));
    const auto at = cause.find(word);
    if (at == std::string::npos || (at > 0 && cause[at - 1] == '-')) continue;
    if (reason == no_gpu && cause.compare(at, 14, "no-gpu-library") == 0) continue;
    named.push_back(reason);
  }
  if (named.empty()) named.push_back(none);
  return named;
}

TEST(ReasonsOfRealLogs, AreAsTold) {
  const auto all = excerpts();
  if (all.empty()) GTEST_SKIP() << "no corpus of real logs: set TEGRASCOPE_CORPUS to its directory";
  int checked = 0;
  for (const Excerpt& excerpt : all) {
    FallbackFacts facts;
    if (excerpt.happened.starts_with("cpu")) {
      facts.observed = Placement::cpu;
    } else if (excerpt.happened.starts_with("partial")) {
      facts.observed = Placement::partial;
    } else if (excerpt.happened.starts_with("load-failed")) {
      facts.observed = Placement::unknown;
      facts.load_failed = true;
    } else {
      continue;
    }
    // What these excerpts show does not decide.
    if (excerpt.name.starts_with("karakeep-1129") || excerpt.name.starts_with("ollama-1895") ||
        excerpt.name.starts_with("ollama-6866"))
      continue;
    ++checked;
    SCOPED_TRACE(excerpt.name + ": " + excerpt.cause);
    const LogSummary summary = test::summarized(excerpt.text);
    facts.log = log_of(summary.placement, summary.reason);
    const Fallback found = find_fallback(facts);
    EXPECT_THAT(named_in(excerpt.cause), testing::Contains(found.reason)) << to_string(found.reason);
    if (found.reason != none) {
      EXPECT_FALSE(found.why.empty());
    }
    EXPECT_THAT(found.cure, Not(HasSubstr("doctor  # looks")));
  }
  EXPECT_GE(checked, 20);
}

}  // namespace
}  // namespace tegrascope
