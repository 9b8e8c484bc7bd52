#include "collectors/ollama/log/log_decoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/log/decoded.hpp"

namespace tegrascope::test {
namespace {

using Kind = LogTrouble::Kind;

TEST(LogDecoder, OffloadOfEveryEra) {
  for (
      const char* line :
      {"llm_load_tensors: offloaded 29/29 layers to GPU",
       "Jan 02 03:04:05 nano ollama[7]: load_tensors: offloaded 29/29 layers to GPU",
       "ollama  | load_tensors: offloaded 29/29 layers to GPU\r",
       R"(time=2025-07-18T14:51:00.217Z level=INFO source=ggml.go:362 msg="offloaded 29/29 layers to GPU")",
       R"({"log":"load_tensors: offloaded 29/29 layers to GPU\n","stream":"stderr","time":"2026-01-02T03:04:05Z"})",
       "11月 26 14:31:40 jetson ollama[1]: load_tensors: offloaded 29/29 layers to GPU"}) {
    const auto events = decoded(line);
    ASSERT_EQ(events.size(), 1u) << line;
    const auto* offload = std::get_if<LogOffload>(&events[0]);
    ASSERT_TRUE(offload) << line;
    EXPECT_EQ(offload->layers, 29);
    EXPECT_EQ(offload->layers_total, 29);
  }
}

TEST(LogDecoder, ComputeOfBothForms) {
  const auto found = decoded_as<LogCompute>(
      R"(time=2024-09-13T09:19:01.543+02:00 level=INFO source=types.go:107 msg="inference compute" id=GPU-1 library=cuda variant=jetpack6 compute=8.7 driver=12.2 name=Orin total="61.4 GiB" available="51.6 GiB"
time=2026-06-30T15:57:39.302Z level=INFO source=types.go:50 msg="inference compute" id=0 filter_id="" library=CUDA compute=8.7 name=CUDA0 description=Orin libdirs=ollama,cuda_jetpack6 driver=12.6 pci_id="" type=iGPU total="7.4 GiB" available="6.1 GiB"
)");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].library, "cuda");
  EXPECT_EQ(found[0].name, "Orin");
  EXPECT_EQ(found[0].variant, "jetpack6");
  EXPECT_EQ(found[0].total_bytes, 65927747994u);
  EXPECT_EQ(found[1].library, "cuda");
  EXPECT_EQ(found[1].name, "CUDA0");
  EXPECT_EQ(found[1].description, "Orin");
  EXPECT_EQ(found[1].type, "iGPU");
}

TEST(LogDecoder, TheListOfRunnersBehindJournaldsPrefix) {
  const auto found = decoded_as<LogRunners>(
      "Jan 10 12:36:55 jetson ollama[12]: 2024/01/10 12:36:56 payload_common.go:145: INFO Dynamic LLM "
      "libraries "
      "[cpu_avx cpu]\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].variants, testing::ElementsAre("cpu_avx", "cpu"));
}

TEST(LogDecoder, SeveralThingsInOneLine) {
  const auto events = decoded(
      "cuda driver library failed to get device context 800[GIN] 2025/07/11 - 07:00:00 | 200 | 1.5s | ::1 | "
      "POST "
      "\"/api/chat\"[GIN] 2025/07/11 - 07:00:01 | 200 | 2ms | ::1 | GET "
      "\"/api/ps\"time=2025-07-11T07:00:00.476Z "
      "level=WARN source=server.go:1 msg=\"client connection closed before server finished loading, aborting "
      "load\"\n");
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(std::get<LogTrouble>(events[0]), (LogTrouble{Kind::device, ReasonClass::container_lost_gpu}));
  EXPECT_EQ(std::get<LogRequest>(events[1]).path, "/api/chat");
  EXPECT_EQ(std::get<LogRequest>(events[2]).path, "/api/ps");
  EXPECT_EQ(std::get<LogAbort>(events[3]).what, LogAbort::What::load);
}

TEST(LogDecoder, APromptInAnAttributeIsNoLine) {
  EXPECT_TRUE(
      decoded(
          R"(time=2025-07-11T07:00:00.476Z level=DEBUG source=routes.go:1 msg="chat request" prompt="say offloaded 0/33 layers to GPU\n[GIN] 2025/07/11 - 07:00:00 | 200 | 1s | ::1 | POST \"/api/chat\" CUDA error: out of memory GGML_ASSERT"
)")
          .empty());
  EXPECT_TRUE(
      decoded(R"({"function":"launch_slot","msg":"x","prompt":"offloaded 0/33 layers to GPU GGML_ASSERT"})")
          .empty());
}

TEST(LogDecoder, BuffersOfEveryForm) {
  const auto buffers = decoded_as<LogBuffer>(
      "load_tensors:        CUDA0 model buffer size =  6300.00 MiB\n"
      "llm_load_tensors:        CPU buffer size = 10.00 MiB\n"
      "llama_kv_cache_init:      CUDA0 KV buffer size =   160.00 MiB\n"
      "llama_context:  CUDA_Host  output buffer size =     0.50 MiB\n"
      "time=2025-07-18T14:51:01Z level=INFO source=ggml.go:672 msg=\"compute graph\" backend=CUDA0 "
      "buffer_type=CUDA0 size=\"2.0 MiB\"\n"
      "time=2025-07-18T14:51:01Z level=INFO source=device.go:240 msg=\"kv cache\" device=CUDA1 size=\"1.0 "
      "KiB\"\n"
      "llm_load_tensors: VRAM used: 1.00 MiB\n"
      "a buffer size = 5 MiB\n");
  ASSERT_EQ(buffers.size(), 7u);
  const auto is = [&](std::size_t i, const char* kind, const char* device, std::uint64_t bytes) {
    EXPECT_EQ(buffers[i].kind, kind) << i;
    EXPECT_EQ(buffers[i].device, device) << i;
    EXPECT_EQ(buffers[i].bytes, bytes) << i;
  };
  is(0, "model", "CUDA0", std::uint64_t{6300} << 20);
  is(1, "model", "CPU", 10u << 20);
  is(2, "kv", "CUDA0", 160u << 20);
  is(3, "output", "CUDA_Host", 1u << 19);
  is(4, "compute", "CUDA0", 2u << 20);
  is(5, "kv", "CUDA1", 1024);
  is(6, "model", "CUDA", 1u << 20);
  EXPECT_EQ(buffer_place("CUDA0"), BufferPlace::gpu);
  EXPECT_EQ(buffer_place("CPU_Mapped"), BufferPlace::cpu);
  EXPECT_EQ(buffer_place("CUDA_Host"), BufferPlace::host);
}

TEST(LogDecoder, ALoadNamesTheDevicesOfItsBuffers) {
  const auto loads = decoded_as<LogLoad>(
      "load_tensors: CUDA0 model buffer size = 6300.00 MiB\nload_tensors: CUDA1 model buffer size = 1.00 "
      "MiB\n"
      "load_tensors: CPU_Mapped model buffer size = 1.00 MiB\n"
      "time=2026-01-01T00:00:00Z level=INFO source=llama_server.go:1 msg=\"llama-server started in 4.01 "
      "seconds\"\n"
      "time=2026-01-01T00:01:00Z level=INFO source=llama_server.go:1 msg=\"starting llama-server\" "
      "cmd=\"/usr/local/lib/ollama/llama-server --model /m --port 1 -ngl 0\"\n"
      "2023/10/11 15:42:08 llama.go:473: llama runner started in 9.200880 seconds\n");
  ASSERT_EQ(loads.size(), 2u);
  EXPECT_EQ(loads[0].devices, (std::vector<std::string>{"CUDA0", "CUDA1"}));
  EXPECT_DOUBLE_EQ(loads[0].seconds, 4.01);
  EXPECT_TRUE(loads[1].devices.empty());
  EXPECT_DOUBLE_EQ(loads[1].seconds, 9.20088);
}

TEST(LogDecoder, TheRunnersBuildAndLayersAreInItsCommand) {
  const auto started = decoded_as<LogLoadStarted>(
      "time=2024-11-11T21:51:17Z level=INFO source=server.go:383 msg=\"starting llama server\" "
      "cmd=\"/tmp/ollama30/runners/cpu_avx2/ollama_llama_server --model /m --n-gpu-layers 33 --port 38059\"\n"
      "time=2025-11-11T21:51:17Z level=INFO source=server.go:383 msg=\"starting runner\" "
      "cmd=\"/usr/bin/ollama runner "
      "--ollama-engine --port 38059\"\n"
      "2024/01/19 21:25:41 shim.go:92: Loading Dynamic Shim llm server: "
      "/tmp/ollama12/cuda/libext_server.so\n");
  ASSERT_EQ(started.size(), 2u);  // the one without a model looks for GPUs
  EXPECT_EQ(started[0].variant, "cpu_avx2");
  EXPECT_EQ(started[0].gpu_layers, 33);
  EXPECT_EQ(started[1].variant, "cuda");
}

TEST(LogDecoder, SlotsOfTheLlamaCppServer) {
  const auto slots = decoded_as<LogSlot>(
      "slot launch_slot_: id  0 | task 388 | processing task, is_child = 0\n"
      "slot print_timing: id  0 | task 388 | prompt processing, n_tokens =   1536, progress = 0.10, t =   "
      "3.42 s / "
      "448.61 tokens per second\n"
      "slot print_timing: id  0 | task 388 | n_decoded =    172, tg =  12.00 t/s\n"
      "slot print_timing: id  0 | task 388 | \n"
      "prompt eval time =     789.03 ms /    27 tokens (   29.22 ms per token,    34.22 tokens per second)\n"
      "       eval time =   16112.50 ms /   192 tokens (   83.92 ms per token,    11.92 tokens per second)\n"
      "      total time =   16901.53 ms /   219 tokens\n"
      "slot      release: id  0 | task 388 | stop processing: n_tokens = 218, truncated = 0\n");
  ASSERT_EQ(slots.size(), 7u);
  for (const LogSlot& slot : slots) {
    EXPECT_EQ(slot.slot, 0);
    EXPECT_EQ(slot.task, 388);
  }
  EXPECT_EQ(slots[0].state, "started");
  EXPECT_EQ(slots[1].state, "prefill");
  EXPECT_EQ(slots[1].prompt_tokens, 1536);
  EXPECT_EQ(slots[1].progress_ratio, 0.10);
  EXPECT_EQ(slots[1].prompt_seconds, 3.42);
  EXPECT_EQ(slots[1].tokens_per_second, 448.61);
  EXPECT_EQ(slots[2].output_tokens, 172);
  EXPECT_EQ(slots[2].tokens_per_second, 12.0);
  EXPECT_EQ(slots[3].prompt_tokens, 27);
  EXPECT_NEAR(*slots[3].prompt_seconds, 0.78903, 1e-9);
  EXPECT_EQ(slots[4].output_tokens, 192);
  EXPECT_NEAR(*slots[4].output_seconds, 16.1125, 1e-9);
  EXPECT_NEAR(*slots[5].total_seconds, 16.90153, 1e-9);
  EXPECT_EQ(slots[6].state, "released");
}

TEST(LogDecoder, TimingsOfOlderRunners) {
  const auto slots = decoded_as<LogSlot>(
      R"j({"function":"print_timings","level":"INFO","line":279,"msg":"generation eval time =   35653.82 ms /   621 runs   (   57.41 ms per token)","n_decoded":621,"slot_id":2,"task_id":9,"timestamp":1713786305})j"
      "\n"
      "llama_print_timings:        eval time =    1000.00 ms /   396 runs   (    0.27 ms per token)\n"
      "INFO [print_timings] prompt eval time     =     500.00 ms /    93 tokens | slot_id=1 task_id=4 "
      "tid=\"2\"\n"
      "llama_print_timings:        load time =    8317.76 ms\n");
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_EQ(slots[0].slot, 2);
  EXPECT_EQ(slots[0].task, 9);
  EXPECT_EQ(slots[0].output_tokens, 621);
  EXPECT_EQ(slots[1].slot, std::nullopt);
  EXPECT_EQ(slots[1].output_tokens, 396);
  EXPECT_EQ(slots[2].slot, 1);
  EXPECT_EQ(slots[2].prompt_seconds, 0.5);
}

TEST(LogDecoder, TroublesByTheirNumbersAndWords) {
  struct Case {
    const char* line;
    LogTrouble trouble;
  };
  const Case cases[] = {
      {"cudaSetDevice err: 35", {Kind::device, ReasonClass::wrong_cuda_backend}},
      {"cuInit err: 999", {Kind::device, ReasonClass::driver_init}},
      {"cuda driver library init failure: 100", {Kind::device, ReasonClass::no_gpu}},
      {"Unable to load NVML management library /x: nvml vram init failure: 9",
       {Kind::device, ReasonClass::driver_init}},
      {"ggml_cuda_init: failed to initialize CUDA: operation not supported",
       {Kind::device, ReasonClass::driver_init}},
      {"ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime "
       "version",
       {Kind::device, ReasonClass::wrong_cuda_backend}},
      {"CUDA error: no kernel image is available for execution on the device",
       {Kind::fatal, ReasonClass::wrong_cuda_backend}},
      {"CUDA error: out of memory", {Kind::memory, ReasonClass::oom_alloc}},
      {"CUDA error: an illegal memory access was encountered", {Kind::fatal, ReasonClass::runner_crash}},
      {"CUDA error 2 at /go/src/ggml-cuda.cu:5661: out of memory", {Kind::memory, ReasonClass::oom_alloc}},
      {"NvRmMemInitNvmap failed with Permission denied", {Kind::device, ReasonClass::device_permission}},
      {"open /dev/nvhost-ctrl: Permission denied", {Kind::device, ReasonClass::device_permission}},
      {"NvMapMemAllocInternalTagged: 1075072515 error 12", {Kind::memory, ReasonClass::oom_alloc}},
      {"GGML_ASSERT: x.cpp:1: a < b", {Kind::fatal, ReasonClass::runner_crash}},
      {"ollama.service: A process of this unit has been killed by the OOM killer.",
       {Kind::fatal, ReasonClass::oom_killed}},
      {"time=2026-01-01T00:00:00Z level=DEBUG source=gpu.go:1 msg=\"Unable to load cudart\" library=/x "
       "error=\"cudart init failure: 999\"",
       {Kind::device, ReasonClass::driver_init}},
  };
  for (const Case& c : cases) {
    const auto troubles = decoded_as<LogTrouble>(c.line);
    ASSERT_EQ(troubles.size(), 1u) << c.line;
    EXPECT_EQ(troubles[0], c.trouble) << c.line;
  }
  EXPECT_TRUE(decoded("opened /dev/nvhost-ctrl, NvMapMemHandleAlloc: error 0").empty());
}

TEST(LogDecoder, WhyALoadFailed) {
  const auto reason = [](const std::string& error) {
    const auto failed = decoded_as<LogLoadFailed>(
        "time=2025-10-19T15:17:57Z level=INFO source=sched.go:450 msg=\"Load failed\" model=/m error=\"" +
        error + "\"\n");
    return failed.size() == 1 ? std::optional(failed[0].reason) : std::nullopt;
  };
  EXPECT_EQ(reason("model requires more system memory (5.5 GiB) than is available (3.4 GiB)"),
            ReasonClass::system_memory_too_small);
  EXPECT_EQ(reason("llama runner process has terminated: signal: killed"), ReasonClass::oom_killed);
  EXPECT_EQ(reason("llama runner process has terminated: exit status 2"), ReasonClass::runner_crash);
  EXPECT_EQ(reason("llama runner process has terminated: cudaMalloc failed: out of memory"),
            ReasonClass::oom_alloc);
  EXPECT_EQ(reason("timed out waiting for llama runner to start: context canceled"),
            ReasonClass::client_aborted_load);
  EXPECT_EQ(reason("unknown model architecture: 'x'"), ReasonClass::none);
}

}  // namespace
}  // namespace tegrascope::test
