#include "collectors/ollama/log/log_summary.hpp"

#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/log/decoded.hpp"

namespace tegrascope::test {
namespace {

constexpr const char* kSlog = "time=2026-01-02T03:04:05.678Z level=INFO source=x.go:1 msg=";

std::string slog(const std::string& rest) { return kSlog + rest + '\n'; }

const std::string kListening = slog("\"Listening on 127.0.0.1:11434 (version 0.6.2)\"");
const std::string kOrin = slog(
    R"("inference compute" id=GPU-1 library=cuda variant=jetpack6 compute=8.7 name=Orin total="7.4 GiB")");
const std::string kNoGpu =
    slog(R"("inference compute" id=cpu library=cpu compute="" name=cpu total="7.4 GiB")");

std::string plan(const std::string& library, int requested, int layers, int total) {
  return slog("offload library=" + library + " layers.requested=" + std::to_string(requested) +
              " layers.model=" + std::to_string(total) + " layers.offload=" + std::to_string(layers));
}

std::string start(const std::string& arguments = "", const std::string& program = "/usr/bin/ollama runner") {
  return slog("\"starting llama server\" cmd=\"" + program + " --model /m --port 1" + arguments + "\"");
}

const std::string kStarted = slog(R"("llama runner started in 2.50 seconds")");
const std::string kOnGpu =
    "load_tensors: offloaded 29/29 layers to GPU\nload_tensors: CUDA0 model buffer size = 900.00 MiB\n"
    "load_tensors: CPU_Mapped model buffer size = 100.00 MiB\nllama_kv: CUDA0 KV buffer size = 100.00 MiB\n";

void expect(const std::string& text, Placement placement, ReasonClass reason) {
  const LogSummary summary = summarized(text);
  EXPECT_EQ(to_string(summary.placement), to_string(placement)) << text;
  EXPECT_EQ(to_string(summary.reason), to_string(reason)) << text;
}

TEST(LogSummary, NothingToldIsUnknown) {
  expect("", Placement::unknown, ReasonClass::none);
  const LogSummary summary = summarized("hello\n");
  EXPECT_EQ(summary.layers_offloaded, std::nullopt);
  EXPECT_EQ(summary.layers_total, std::nullopt);
  EXPECT_TRUE(summary.devices.empty());
}

TEST(LogSummary, AFullLoadOnTheGpu) {
  const LogSummary summary = summarized(kListening + kOrin + plan("cuda", -1, 29, 29) +
                                        start(" --n-gpu-layers 29") + kOnGpu + kStarted);
  EXPECT_EQ(summary.placement, Placement::gpu);
  EXPECT_EQ(summary.reason, ReasonClass::none);
  EXPECT_EQ(summary.layers_offloaded, 29);
  EXPECT_EQ(summary.layers_total, 29);
  EXPECT_EQ(summary.devices, std::vector<std::string>{"CUDA0"});
}

TEST(LogSummary, AGpuAloneIsNoLoad) {
  expect(kListening + kOrin, Placement::unknown, ReasonClass::none);
  expect(kListening + kOrin + "[GIN] 2026/01/02 - 03:04:05 | 200 | 1.5s | ::1 | POST \"/api/chat\"\n",
         Placement::gpu, ReasonClass::none);
}

TEST(LogSummary, ServersWithoutGpu) {
  expect(kListening + kNoGpu, Placement::cpu, ReasonClass::no_gpu);
  expect(kListening + slog(R"("no compatible GPUs were discovered")"), Placement::cpu, ReasonClass::no_gpu);
  expect(kListening + slog(R"("vram-based default context" total_vram="0 B" default_num_ctx=4096)"),
         Placement::cpu, ReasonClass::no_gpu);
  expect(kListening + slog(R"("vram-based default context" total_vram="7.4 GiB" default_num_ctx=4096)"),
         Placement::unknown, ReasonClass::none);
  expect("cudaSetDevice err: 35\n" + kNoGpu, Placement::cpu, ReasonClass::wrong_cuda_backend);
  expect(slog(R"("jetpack not detected (set JETSON_JETPACK), skipping")") + kNoGpu, Placement::cpu,
         ReasonClass::wrong_cuda_backend);
  expect(slog(R"("llama-server GPU discovery watchdog timed out")") + kNoGpu, Placement::cpu,
         ReasonClass::discovery_failed);
  expect(slog(R"("Searching for GPU library" name=libcuda.so*)") +
             slog(R"("discovered GPU libraries" paths=[])") + kNoGpu,
         Placement::cpu, ReasonClass::no_gpu_library);
}

TEST(LogSummary, WhatALaterLibraryFoundClearsTheTroubleOfAnEarlierOne) {
  expect(kListening + "cudaSetDevice err: 35\n" + kOrin + start() + kOnGpu + kStarted, Placement::gpu,
         ReasonClass::none);
}

TEST(LogSummary, AskedForTheCpu) {
  expect(kListening + kOrin + plan("cuda", 0, 0, 29) + start(), Placement::cpu, ReasonClass::forced_cpu);
  expect(kListening + kOrin + start(" -ngl 0", "/usr/local/lib/ollama/llama-server"), Placement::cpu,
         ReasonClass::forced_cpu);
  expect(
      slog(R"("server config" env="map[CUDA_VISIBLE_DEVICES:-1 OLLAMA_DEBUG:false OLLAMA_LLM_LIBRARY: ]")") +
          kListening + kNoGpu,
      Placement::cpu, ReasonClass::forced_cpu);
  expect(
      "2024/01/02 03:04:05 routes.go:1: INFO server config env=\"map[CUDA_VISIBLE_DEVICES: "
      "OLLAMA_LLM_LIBRARY:cpu_avx2]\"\n",
      Placement::cpu, ReasonClass::forced_cpu);
  expect(
      "2023/10/11 15:42:08 llama.go:384: skipping accelerated runner because num_gpu=0\n"
      "2023/10/11 15:42:08 llama.go:415: starting llama runner\n",
      Placement::cpu, ReasonClass::forced_cpu);
}

TEST(LogSummary, AskedForSomeLayersIsNoShortage) {
  expect(kOrin + plan("cuda", 10, 10, 29) + start(" --n-gpu-layers 10") +
             "load_tensors: offloaded 10/29 layers to GPU\n",
         Placement::partial, ReasonClass::none);
}

TEST(LogSummary, TooLittleMemoryForLayers) {
  expect(kOrin + plan("cuda", -1, 0, 29) + start("", "/tmp/ollama1/runners/cpu/ollama_llama_server"),
         Placement::cpu, ReasonClass::vram_too_small);
  expect(kOrin + start() + "load_tensors: offloaded 0/29 layers to GPU\n", Placement::cpu,
         ReasonClass::vram_too_small);
  expect(
      "time=2024-02-17T01:59:04Z level=INFO source=llm.go:111 msg=\"not enough vram available, falling back "
      "to CPU "
      "only\"\ntime=2024-02-17T01:59:04Z level=INFO source=dyn.go:90 msg=\"Loading Dynamic llm server: "
      "/tmp/ollama1/cpu_avx2/libext_server.so\"\n",
      Placement::cpu, ReasonClass::vram_too_small);
  expect("common_params_fit_impl:   - CUDA0 (Orin): 29 layers ( 4 overflowing), 5000 MiB used\n" + kOnGpu,
         Placement::partial, ReasonClass::vram_too_small);
}

TEST(LogSummary, OllamasOwnEngineTakesSeveralAttempts) {
  const auto load = [](const std::string& operation, const std::string& layers) {
    return slog("load request=\"{Operation:" + operation + " LoraPath:[] Parallel:1 GPULayers:" + layers +
                " UseMmap:false}\"");
  };
  const std::string begin = kOrin + start() + slog(R"("loading model" "model layers"=37 requested=-1)") +
                            load("fit", "37[ID:GPU-1 Layers:37(0..36)]") +
                            load("alloc", "37[ID:GPU-1 Layers:37(0..36)]");
  expect(begin + load("commit", "37[ID:GPU-1 Layers:37(0..36)]") + kStarted, Placement::gpu,
         ReasonClass::none);
  const std::string no_room =
      begin + "NvMapMemAllocInternalTagged: 1075072515 error 12\ncudaMalloc failed: out of memory\n";
  expect(no_room, Placement::cpu, ReasonClass::oom_alloc);
  expect(no_room + load("commit", "20[ID:GPU-1 Layers:20(0..19)]") + kStarted, Placement::partial,
         ReasonClass::oom_alloc);
  expect(no_room + load("commit", "[]") + kStarted, Placement::cpu, ReasonClass::oom_alloc);
}

TEST(LogSummary, APlanIsOutweighedByWhatTheRunnerDid) {
  const std::string planned = kOrin + plan("cuda", -1, 29, 29) + start(" --n-gpu-layers 29");
  const std::string cpu_buffers =
      "llm_load_tensors: CPU buffer size = 1918.35 MiB\nllama_kv_cache_init: CPU KV buffer size = 896.00 "
      "MiB\n"
      "llama_new_context_with_model: CPU compute buffer size = 424.01 MiB\n";
  expect(planned, Placement::gpu, ReasonClass::none);
  expect(planned + cpu_buffers + kStarted, Placement::cpu, ReasonClass::backend_missing);
  expect(planned + "load_tensors: offloaded 29/29 layers to GPU\n" + cpu_buffers + kStarted, Placement::cpu,
         ReasonClass::backend_missing);
  expect(planned + slog("system CPU.0.NEON=1 CPU.0.LLAMAFILE=1 compiler=cgo(gcc)"), Placement::cpu,
         ReasonClass::backend_missing);
  expect(planned + "ggml_cuda_init: failed to initialize CUDA: unknown error\n" + cpu_buffers + kStarted,
         Placement::cpu, ReasonClass::driver_init);
}

TEST(LogSummary, FailuresNameTheirFirstCause) {
  const std::string begin = kListening + kOrin + plan("cuda", -1, 29, 29) + start();
  const auto failed = [](const std::string& error) {
    return slog("\"error loading llama server\" error=\"llama runner process has terminated: " + error +
                "\"");
  };
  const auto reason = [](const std::string& text) { return to_string(summarized(text).reason); };
  EXPECT_EQ(reason(begin + "ggml_backend: cudaMalloc failed: out of memory\n" + failed("exit status 2")),
            "oom-alloc");
  EXPECT_EQ(reason(begin + failed("signal: killed")), "oom-killed");
  EXPECT_EQ(reason(begin + "GGML_ASSERT: x\n" + failed("signal: aborted (core dumped)")), "runner-crash");
  EXPECT_EQ(reason(begin + failed("error loading model: unknown model architecture")), "runner-crash");
  EXPECT_EQ(
      reason(begin + slog(R"("client connection closed before server finished loading, aborting load")") +
             slog(R"("llama runner process no longer running" sys=9 string="signal: killed")")),
      "client-aborted-load");
  EXPECT_EQ(reason(begin + kOnGpu + kStarted + "CUDA error: unknown error\n"), "runner-crash");
  EXPECT_EQ(reason(begin + kOnGpu + kStarted + "cuda driver library failed to get device context 800\n"),
            "container-lost-gpu");
}

TEST(LogSummary, AnUnloadKillsTheRunnerAndThatIsNoFailure) {
  expect(kOrin + start() + kOnGpu + kStarted + slog(R"("llama runner terminated" error="signal: killed")"),
         Placement::gpu, ReasonClass::none);
}

TEST(LogSummary, TheLastLoadCounts) {
  const std::string broken =
      kOrin + start() + "cudaMalloc failed: out of memory\n" +
      slog(R"("Load failed" error="llama runner process has terminated: exit status 2")");
  expect(broken + start() + kOnGpu + kStarted, Placement::gpu, ReasonClass::none);
  const LogSummary summary = summarized(kOrin + start() + kOnGpu + kStarted + start() +
                                        "load_tensors: offloaded 3/33 layers to GPU\n" + kStarted);
  EXPECT_EQ(summary.placement, Placement::partial);
  EXPECT_EQ(summary.layers_offloaded, 3);
  EXPECT_EQ(summary.layers_total, 33);
}

TEST(LogSummary, AServersRestartVoidsWhatTheEarlierOneFound) {
  expect(kListening + kNoGpu + kListening + kOrin + start() + kOnGpu + kStarted, Placement::gpu,
         ReasonClass::none);
  expect(kListening + kOrin + start() + kOnGpu + kStarted + kListening + kNoGpu, Placement::cpu,
         ReasonClass::no_gpu);
}

TEST(LogSummary, LayersAreThoseOfTheLoadThatIsJudged) {
  const std::string loaded = kListening + kOrin + start() + kOnGpu + kStarted;
  EXPECT_EQ(summarized(loaded + kListening + kNoGpu).layers_offloaded, std::nullopt);
  EXPECT_EQ(summarized(loaded + kListening + kOrin).layers_offloaded, 29);
}

TEST(LogSummary, CountsPostsOnInferenceRoutesAndAborts) {
  const auto gin = [](const std::string& method, const std::string& path) {
    return "[GIN] 2026/01/02 - 03:04:05 | 500 | 29m59s | 10.0.0.1 | " + method + "     \"" + path + "\"\n";
  };
  const LogSummary summary = summarized(
      gin("POST", "/api/chat") + gin("POST", "/api/generate") + gin("POST", "/v1/chat/completions") +
      gin("POST", "/v1/embeddings") + gin("POST", "/api/embed") + gin("GET", "/api/chat") +
      gin("POST", "/api/show") + gin("POST", "/api/pull") + gin("HEAD", "/") + gin("GET", "/api/ps") +
      slog(R"("aborting completion request due to client closing the connection")") +
      slog(R"("aborting embedding request due to client closing the connection")"));
  EXPECT_EQ(summary.requests, 5u);
  EXPECT_EQ(summary.aborts, 2u);
}

}  // namespace
}  // namespace tegrascope::test
