#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/app/prove.hpp"

namespace tegrascope {
namespace {

Proof on(Placement placement) {
  Proof p;
  p.server = "127.0.0.1:11434";
  p.model = "qwen2.5:7b";
  p.verdict.placement = placement;
  p.gpu_load_ratio = 0.97;
  p.runner_cores = 0.31;
  p.tokens = 64;
  p.tokens_per_second = 9.41;
  p.joules_per_token = 1.12;
  p.declared_gpu_share = 1;
  return p;
}

TEST(ProofText, OnTheGpu) {
  EXPECT_EQ(
      proof_text(on(Placement::gpu)),
      "qwen2.5:7b runs on the GPU: GPU 97 %, runner 0.3 cores, 9.4 token/s, 1.1 J/token; /api/ps agrees");
}

TEST(ProofText, OnTheCpu) {
  Proof p = on(Placement::cpu);
  p.gpu_load_ratio = 0.01;
  p.fallback = {ReasonClass::no_gpu, "its container has no mount of the NVIDIA runtime", "docker run x"};
  EXPECT_EQ(proof_text(p),
            "qwen2.5:7b runs on the CPU, because its container has no mount of the NVIDIA runtime: GPU 1 %, "
            "runner 0.3 "
            "cores, 9.4 token/s, 1.1 J/token; /api/ps says 100 % GPU; type: docker run x");
}

TEST(ProofText, PartlyAndUntold) {
  Proof p = on(Placement::partial);
  p.declared_gpu_share = 0.62;
  p.fallback = {ReasonClass::vram_too_small, "memory is short", "sudo x"};
  EXPECT_EQ(proof_text(p),
            "qwen2.5:7b runs partly on the CPU, because memory is short: GPU 97 %, runner 0.3 cores, 9.4 "
            "token/s, 1.1 "
            "J/token; /api/ps says 62 % GPU; type: sudo x");
  p = on(Placement::unknown);
  p.gpu_load_ratio.reset();
  p.runner_cores.reset();
  p.joules_per_token.reset();
  p.declared_gpu_share.reset();
  p.verdict.explanation = "no physical evidence";
  EXPECT_EQ(proof_text(p),
            "where qwen2.5:7b runs cannot be told, no physical evidence: GPU load unknown, 9.4 token/s; "
            "/api/ps says "
            "nothing of it");
}

TEST(ProofText, WhatCouldNotBeLoaded) {
  Proof p;
  p.model = "qwen2.5:7b";
  p.trouble = "it could not be run: llama runner process has terminated: signal: killed";
  p.load_failed = true;
  p.fallback = {ReasonClass::oom_killed, "the kernel killed the runner for memory (its log)", "x"};
  EXPECT_EQ(proof_text(p),
            "qwen2.5:7b: it could not be run: llama runner process has terminated: signal: killed; because "
            "the kernel "
            "killed the runner for memory (its log); type: x");
  const auto json = nlohmann::json::parse(proof_json(p));
  EXPECT_EQ(json["reason"], "oom-killed");
  EXPECT_EQ(json["on_gpu"], false);
  EXPECT_FALSE(json.contains("placement"));
}

TEST(ProofJson, HoldsTheFigures) {
  const auto json = nlohmann::json::parse(proof_json(on(Placement::gpu)));
  EXPECT_EQ(json["placement"], "gpu");
  EXPECT_EQ(json["on_gpu"], true);
  EXPECT_EQ(json["tokens"], 64);
  EXPECT_EQ(json["gpu_load_ratio"], 0.97);
  EXPECT_FALSE(json.contains("cure"));
}

}  // namespace
}  // namespace tegrascope
