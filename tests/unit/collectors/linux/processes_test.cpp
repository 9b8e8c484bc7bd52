#include "collectors/linux/processes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;

constexpr const char* kServe = "/usr/local/bin/ollama serve";
constexpr const char* kRunner =
    "/usr/local/lib/ollama/llama-server --model /m/blobs/sha256-2bada8 --port 42117 -ngl 99 -t 6";

class ProcessesTest : public testing::Test {
 protected:
  ProcessesTest() { std::filesystem::create_directories(tree_.path("proc")); }

  void stat(int pid, int parent, int ticks = 0, int start = 1000, char state = 'S') {
    std::string line = std::to_string(pid) + " (a (b) c) " + state + " " + std::to_string(parent) +
                       " 1 1 0 -1 0 0 0 0 0 " + std::to_string(ticks) + " 10 0 0 20 0 1 0 " +
                       std::to_string(start) + " 4096000 25 0\n";
    tree_.write("proc/" + std::to_string(pid) + "/stat", line);
  }
  void process(int pid, int parent, std::string words, int ticks = 0, int start = 1000) {
    std::replace(words.begin(), words.end(), ' ', '\0');
    if (!words.empty()) words += '\0';
    tree_.write("proc/" + std::to_string(pid) + "/cmdline", words);
    stat(pid, parent, ticks, start);
  }
  void end(int pid) { tree_.remove("proc/" + std::to_string(pid)); }
  Batch at(Nanoseconds time) { return collect(collector_, MonotonicTime{time}); }
  static std::vector<std::int64_t> pids(const Batch& batch) {
    std::vector<std::int64_t> result;
    for (const auto& process : batch.processes) result.push_back(process.id.pid);
    return result;
  }
  using Pids = std::vector<std::int64_t>;

  test::TempTree tree_;
  ProcessesCollector collector_{tree_.host_paths()};
};

TEST_F(ProcessesTest, ServeAndRunnerWithAllTheyTell) {
  process(1, 0, "/sbin/init");
  process(812, 1, kServe, 1250, 1420);
  process(2301, 812, kRunner, 5400, 98000);
  const Batch batch = at(100s);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_TRUE(batch.lists_processes);
  ASSERT_EQ(pids(batch), (Pids{812, 2301}));

  const ProcessReading& serve = batch.processes[0];
  EXPECT_EQ(serve.role, ProcessRole::serve);
  EXPECT_EQ(serve.id, (ProcessId{812, 1420}));
  EXPECT_EQ(serve.parent_pid, 1);
  EXPECT_EQ(serve.serve_pid, 812);

  const ProcessReading& runner = batch.processes[1];
  EXPECT_EQ(runner.role, ProcessRole::runner);
  EXPECT_EQ(runner.id, (ProcessId{2301, 98000}));
  EXPECT_EQ(runner.parent_pid, 812);
  EXPECT_EQ(runner.serve_pid, 812);
  EXPECT_EQ(runner.cpu_time, 54s + 100ms);
  EXPECT_EQ(runner.resident_bytes, 25u * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(runner.model_blob, "2bada8");
  EXPECT_EQ(runner.port, 42117);
  EXPECT_EQ(runner.gpu_layers_requested, 99);
  EXPECT_EQ(runner.threads, 6);
  EXPECT_NE(runner.at, MonotonicTime{});
}

TEST_F(ProcessesTest, GpuCodeIsLookedForOnceARunnerHasSettled) {
  process(812, 1, kServe);
  process(2301, 812, kRunner);
  process(2401, 812, kRunner);
  tree_.write("proc/2301/maps", "7f00-7f10 r-xp 0 0 1 /usr/lib/ollama/cuda_jetpack6/libggml-cuda.so\n");
  tree_.write("proc/2401/maps", "7f00-7f10 r-xp 0 0 1 /usr/lib/ollama/libggml-cpu.so\n");
  EXPECT_FALSE(at(100s).processes.at(1).gpu_library);
  const Batch settled = at(103s);
  EXPECT_EQ(settled.processes.at(1).gpu_library, true);
  EXPECT_EQ(settled.processes.at(2).gpu_library, false);
  EXPECT_FALSE(settled.processes.at(0).gpu_library);
  EXPECT_TRUE(settled.errors.empty());
  tree_.remove("proc/2401/maps");  // as when it may not be read
  const Batch later = at(109s);
  EXPECT_EQ(later.processes.at(1).gpu_library, true);
  EXPECT_FALSE(later.processes.at(2).gpu_library);
  EXPECT_TRUE(later.errors.empty());
}

TEST_F(ProcessesTest, RunnersOfEveryEra) {
  process(10, 1, kServe);
  process(11, 10, "/tmp/ollama99/llama.cpp/gguf/build/cuda/bin/server --model /m/sha256:aa --port 1");
  process(12, 10, "/tmp/ollama99/runners/jetpack6/ollama_llama_server --model /m/sha256-bb --port 2");
  process(13, 10, "/usr/bin/ollama runner --ollama-engine --model /m/sha256-cc --port 3");
  process(14, 10, "/usr/lib/ollama/llama-server --model /m/sha256-dd --port 4");
  const Batch batch = at(100s);
  ASSERT_EQ(pids(batch), (Pids{10, 11, 12, 13, 14}));
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(batch.processes[i].role, ProcessRole::runner);
    EXPECT_EQ(batch.processes[i].serve_pid, 10);
    EXPECT_EQ(batch.processes[i].port, static_cast<int>(i));
  }
}

TEST_F(ProcessesTest, EngineInsideServeHasNoRunner) {
  process(10, 1, kServe);
  EXPECT_EQ(pids(at(100s)), (Pids{10}));
}

TEST_F(ProcessesTest, ProbesAreNotListed) {
  process(10, 1, kServe);
  process(11, 10, "/usr/lib/ollama/llama-server --list-devices --offline --verbose");
  process(12, 10, "/usr/bin/ollama runner --ollama-engine --port 41000");
  EXPECT_EQ(pids(at(100s)), (Pids{10}));
}

TEST_F(ProcessesTest, TheServeIsFoundAboveAWrapper) {
  process(10, 1, kServe);
  process(11, 10, "/bin/sh -c wrapper");
  process(12, 11, "llama-server --model /models/other.gguf --port 4");
  const Batch batch = at(100s);
  ASSERT_EQ(pids(batch), (Pids{10, 12}));
  EXPECT_EQ(batch.processes[1].serve_pid, 10);
  EXPECT_EQ(batch.processes[1].parent_pid, 11);
}

TEST_F(ProcessesTest, SomebodysOwnLlamaServerIsNotListed) {
  process(10, 1, kServe);
  process(20, 1, "/bin/bash");
  process(21, 20, "llama-server -m /models/other.gguf --port 8080");
  EXPECT_EQ(pids(at(100s)), (Pids{10}));
}

TEST_F(ProcessesTest, ServeAsProcessOneOfItsContainer) {
  process(1, 0, kServe);
  process(9, 1, kRunner);
  EXPECT_EQ(at(100s).processes.at(1).serve_pid, 1);
}

TEST_F(ProcessesTest, ARunnerOutlivesItsServe) {
  process(10, 1, kServe);
  process(11, 10, kRunner);
  EXPECT_EQ(at(100s).processes.at(1).serve_pid, 10);
  end(10);
  stat(11, 1);
  const Batch batch = at(100s + 100ms);
  ASSERT_EQ(pids(batch), (Pids{11}));
  EXPECT_EQ(batch.processes[0].parent_pid, 1);
  EXPECT_EQ(batch.processes[0].serve_pid, 0);
}

TEST_F(ProcessesTest, AnOrphanIsFoundByItsCommandLine) {
  process(11, 1, kRunner);
  const Batch batch = at(100s);
  ASSERT_EQ(pids(batch), (Pids{11}));
  EXPECT_EQ(batch.processes[0].serve_pid, 0);
}

TEST_F(ProcessesTest, CpuTimeIsReadInEverySlotNewProcessesOnceASecond) {
  process(10, 1, kServe);
  EXPECT_EQ(at(100s).processes.at(0).cpu_time, 100ms);
  stat(10, 1, 90);
  process(11, 10, kRunner);
  const Batch soon = at(100s + 100ms);
  EXPECT_EQ(pids(soon), (Pids{10}));
  EXPECT_TRUE(soon.lists_processes);
  EXPECT_EQ(soon.processes[0].cpu_time, 1s);
  EXPECT_EQ(pids(at(101s)), (Pids{10, 11}));
}

TEST_F(ProcessesTest, AnEndedProcessIsGoneAtOnce) {
  process(10, 1, kServe);
  process(11, 10, kRunner);
  at(100s);
  end(11);
  EXPECT_EQ(pids(at(100s + 100ms)), (Pids{10}));
}

TEST_F(ProcessesTest, AZombieHasEnded) {
  process(10, 1, kServe);
  process(11, 10, kRunner);
  at(100s);
  stat(11, 10, 0, 1000, 'Z');
  EXPECT_EQ(pids(at(100s + 100ms)), (Pids{10}));
}

TEST_F(ProcessesTest, AReusedPidIsAnotherProcess) {
  process(10, 1, kServe);
  process(11, 10, kRunner, 500, 2000);
  at(100s);
  end(11);
  process(11, 10, "/usr/lib/ollama/llama-server --model /m/sha256-ff --port 5", 0, 3000);
  EXPECT_EQ(pids(at(100s + 100ms)), (Pids{10}));
  const Batch batch = at(101s);
  ASSERT_EQ(pids(batch), (Pids{10, 11}));
  EXPECT_EQ(batch.processes[1].id.start_ticks, 3000u);
  EXPECT_EQ(batch.processes[1].model_blob, "ff");
}

TEST_F(ProcessesTest, AReusedPidOfADismissedProcessIsLookedAt) {
  process(50, 1, "/usr/bin/vim");
  for (int i = 0; i < 8; ++i) at(100s + i * 1s);
  tree_.write("elsewhere/cmdline", "");  // takes the inode that would otherwise be used again
  std::filesystem::rename(tree_.path("proc/50"), tree_.path("proc-50-is-gone"));
  process(50, 1, kServe);
  EXPECT_EQ(pids(at(108s)), (Pids{50}));
}

TEST_F(ProcessesTest, AShellThatExecsServeIsFoundLater) {
  process(10, 1, "/bin/sh -c start-ollama");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(at(100s + i * 1s).processes.empty());
  process(10, 1, kServe);
  EXPECT_EQ(pids(at(200s)), (Pids{10}));
}

TEST_F(ProcessesTest, AChildOfServeBeforeItsExecIsNoSecondServe) {
  process(10, 1, kServe);
  process(11, 10, kServe);
  EXPECT_EQ(pids(at(100s)), (Pids{10}));
  process(11, 10, kRunner);
  const Batch batch = at(101s);
  ASSERT_EQ(pids(batch), (Pids{10, 11}));
  EXPECT_EQ(batch.processes[1].role, ProcessRole::runner);
}

TEST_F(ProcessesTest, ProcIsNotSearchedWhenNoneCanHaveBeenBorn) {
  tree_.link("proc/self", std::to_string(::getpid()));
  tree_.write("proc/loadavg", "0.42 0.36 0.30 1/512 900\n");
  process(10, 1, kServe);
  process(50, 1, "/bin/sh -c start-ollama");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pids(at(100s + i * 1s)), (Pids{10}));
  process(11, 10, kRunner);
  EXPECT_EQ(pids(at(103s)), (Pids{10}));
  process(50, 1, kServe);  // an exec is no birth
  EXPECT_EQ(pids(at(120s)), (Pids{10, 50}));
  tree_.write("proc/loadavg", "0.42 0.36 0.30 1/512 901\n");
  EXPECT_EQ(pids(at(121s)), (Pids{10, 11, 50}));
}

TEST_F(ProcessesTest, AChildOfServeIsAwaitedWithoutFurtherBirths) {
  tree_.link("proc/self", std::to_string(::getpid()));
  tree_.write("proc/loadavg", "0.42 0.36 0.30 1/512 900\n");
  process(10, 1, kServe);
  process(11, 10, kServe);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pids(at(100s + i * 1s)), (Pids{10}));
  process(11, 10, kRunner);
  EXPECT_EQ(pids(at(105s)), (Pids{10, 11}));
}

TEST_F(ProcessesTest, ADismissedProcessThatEndedIsForgotten) {
  tree_.link("proc/self", std::to_string(::getpid()));
  tree_.write("proc/loadavg", "0.42 0.36 0.30 1/512 900\n");
  process(50, 1, "/bin/bash");
  for (int i = 0; i < 4; ++i) at(100s + i * 1s);
  end(50);
  EXPECT_TRUE(at(200s).errors.empty());
  EXPECT_TRUE(at(201s).errors.empty());
}

TEST_F(ProcessesTest, GarbageInStatKeepsTheProcessWithoutFigures) {
  process(10, 1, kServe);
  at(100s);
  tree_.write("proc/10/stat", "garbage");
  const Batch batch = at(100s + 100ms);
  ASSERT_EQ(pids(batch), (Pids{10}));
  EXPECT_EQ(batch.processes[0].cpu_time, std::nullopt);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse);
}

TEST_F(ProcessesTest, OddFoldersAreHarmless) {
  process(10, 1, kServe);
  tree_.write("proc/meminfo", "x");
  tree_.write("proc/99999999999999999999/cmdline", "x");
  std::filesystem::create_directories(tree_.path("proc/77"));
  tree_.make_fifo("proc/78/cmdline");
  process(79, 1, "");
  const Batch batch = at(100s);
  EXPECT_EQ(pids(batch), (Pids{10}));
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_NE(batch.errors[0].where.find("78/cmdline"), std::string::npos);
}

TEST_F(ProcessesTest, WithoutProcNothingIsListed) {
  tree_.remove("proc");
  const Batch batch = at(100s);
  EXPECT_FALSE(batch.lists_processes);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
