#include "collectors/linux/ollama_argv.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tegrascope {
namespace {

// Words separated by blanks as /proc/PID/cmdline has them.
OllamaArgv classify(std::string words) {
  std::replace(words.begin(), words.end(), ' ', '\0');
  words += '\0';
  return classify_ollama_argv(words);
}

TEST(OllamaArgv, ServeInEveryInstallation) {
  for (const char* words : {"/usr/local/bin/ollama serve", "/bin/ollama serve", "ollama serve",
                            "ollama start", "/nix/store/x/bin/.ollama-wrapped serve", "ollama -v serve"})
    EXPECT_EQ(classify(words).role, ArgvRole::serve) << words;
}

TEST(OllamaArgv, OtherProgramsAndCommands) {
  for (const char* words : {"", "ollama", "ollama run qwen2.5:7b", "ollama --version", "vim ollama serve",
                            "/usr/bin/python3 serve", "sh -c ollama serve", "ollama ps",
                            "/opt/ollama/helper --model x", "sleep serve"})
    EXPECT_EQ(classify(words).role, ArgvRole::other) << words;
}

TEST(OllamaArgv, FirstReleasesCppServer) {
  const auto argv = classify(
      "/tmp/ollama1234/llama.cpp/gguf/build/cuda/bin/ollama-runner --model "
      "/root/.ollama/models/blobs/sha256:6a0746a1ec1aef3e --ctx-size 2048 --port 54321");
  EXPECT_EQ(argv.role, ArgvRole::runner);
  EXPECT_EQ(argv.model_blob, "6a0746a1ec1aef3e");
  EXPECT_EQ(argv.port, 54321);
  EXPECT_EQ(classify("/tmp/ollama1/llama.cpp/gguf/build/cpu/bin/server --model /m/sha256:ab --port 1").role,
            ArgvRole::runner_of_serve);
}

TEST(OllamaArgv, OllamaLlamaServer) {
  const auto argv = classify(
      "/tmp/ollama3633236186/runners/cuda_v12/ollama_llama_server --model "
      "/usr/share/ollama/.ollama/models/blobs/"
      "sha256-0bd51f8f0c975ce910ed067dcb962a9af05b77bafcdc595ef02178387f10e51d --ctx-size 2048 --batch-size "
      "512 "
      "--embedding --log-disable --n-gpu-layers 43 --threads 6 --parallel 1 --port 45365");
  EXPECT_EQ(argv.role, ArgvRole::runner);
  EXPECT_EQ(argv.model_blob, "0bd51f8f0c975ce910ed067dcb962a9af05b77bafcdc595ef02178387f10e51d");
  EXPECT_EQ(argv.port, 45365);
  EXPECT_EQ(argv.gpu_layers, 43);
  EXPECT_EQ(argv.threads, 6);
  EXPECT_EQ(argv.slots, 1);
}

TEST(OllamaArgv, OllamaRunner) {
  const auto argv = classify(
      "/usr/local/bin/ollama runner --ollama-engine --model /m/blobs/sha256-e8ad13 --ctx-size 8192 --threads "
      "28 "
      "--port 36629");
  EXPECT_EQ(argv.role, ArgvRole::runner);
  EXPECT_EQ(argv.model_blob, "e8ad13");
  EXPECT_EQ(argv.gpu_layers, std::nullopt);
  EXPECT_EQ(argv.threads, 28);
  EXPECT_EQ(argv.slots, std::nullopt);
  EXPECT_EQ(argv.port, 36629);
  EXPECT_EQ(classify("ollama runner --model /m/blobs/sha256-e8ad13 --port 1").role, ArgvRole::runner);
}

TEST(OllamaArgv, LlamaServer) {
  const auto argv = classify(
      "/usr/local/lib/ollama/llama-server --model /m/blobs/sha256-2bada8 --port 42117 --host 127.0.0.1 "
      "--no-webui "
      "--offline -c 8192 -np 2 --flash-attn auto -b 512 -ub 512 -ngl 0 -t 6");
  EXPECT_EQ(argv.role, ArgvRole::runner);
  EXPECT_EQ(argv.model_blob, "2bada8");
  EXPECT_EQ(argv.gpu_layers, 0);
  EXPECT_EQ(argv.threads, 6);
  EXPECT_EQ(argv.slots, 2);
}

TEST(OllamaArgv, ALlamaServerWithAnotherModelIsARunnerOnlyUnderAServe) {
  const auto argv = classify("llama-server -m /models/qwen.gguf --port 8080");
  EXPECT_EQ(argv.role, ArgvRole::runner_of_serve);
  EXPECT_EQ(argv.model_blob, "");
}

TEST(OllamaArgv, ProbesWithoutModelAreNoRunners) {
  for (const char* words :
       {"/usr/local/lib/ollama/llama-server --list-devices --offline --verbose",
        "llama-server --port 1 --host 127.0.0.1", "ollama runner --ollama-engine --port 41000",
        "/tmp/ollama1/runners/cpu/ollama_llama_server --port 5", "ollama runner --model"})
    EXPECT_EQ(classify(words).role, ArgvRole::other) << words;
}

TEST(OllamaArgv, FormsOfOptions) {
  const auto argv = classify("llama-server --model=/m/sha256-AB12 --port=77 --gpu-layers=9 --threads=2");
  EXPECT_EQ(argv.model_blob, "AB12");
  EXPECT_EQ(argv.port, 77);
  EXPECT_EQ(argv.gpu_layers, 9);
  EXPECT_EQ(argv.threads, 2);
}

TEST(OllamaArgv, GarbageInOptionsIsUnknown) {
  const auto argv = classify("llama-server --model /m/sha256-ab --port many -ngl 99999999999 -t");
  EXPECT_EQ(argv.role, ArgvRole::runner);
  EXPECT_EQ(argv.port, std::nullopt);
  EXPECT_EQ(argv.gpu_layers, std::nullopt);
  EXPECT_EQ(argv.threads, std::nullopt);
}

}  // namespace
}  // namespace tegrascope
