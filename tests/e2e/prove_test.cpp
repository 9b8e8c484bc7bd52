// `tegrascope prove` as a user types it: against a simulated board and Ollama, and against a real one on the CPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "simulator/simulation.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/http.hpp"
#include "tests/support/ollama_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
};

Result prove(std::vector<std::string> flags) {
  TempTree directory;
  flags.insert(flags.begin(), {TEGRASCOPE_PROGRAM, "prove"});
  ChildProcess process(flags, directory.root());
  Result result;
  result.code = process.wait_for(100s).value_or(-1);
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

class Prove : public testing::Test {
 protected:
  void simulate(const std::string& scenario, bool container = false) {
    simulator::SimulationOptions options;
    options.rootfs = directory_.root() / "rootfs";
    options.scenario = scenario;
    options.container = container;
    options.speed = 2;
    simulation_.emplace(options);
    simulation_->start();
  }
  Result run(std::vector<std::string> more = {}) {
    more.push_back("--path.rootfs=" + (directory_.root() / "rootfs").string());
    more.push_back("--ollama.url=" + simulation_->ollama_url());
    return prove(more);
  }
  void load() {
    EXPECT_EQ(http_post(simulation_->ollama_url() + "/api/generate", R"({"model":"qwen2.5:7b"})").status,
              200);
  }
  TempTree directory_;
  std::optional<simulator::Simulation> simulation_;
};

TEST_F(Prove, AModelOnTheGpu) {
  simulate("gpu");
  load();
  const Result result = run();
  EXPECT_EQ(result.code, 0) << result.errors << result.output;
  EXPECT_THAT(result.output,
              ContainsRegex(
                  "^qwen2.5:7b runs on the GPU: GPU 9[0-9] %, runner 0\\.[0-9] cores, 1[78]\\.[0-9] token/s, "
                  "[0-9.]+ J/token; /api/ps agrees\n$"));
  EXPECT_THAT(result.errors, IsEmpty());
}

TEST_F(Prove, AModelOnTheCpuSaysWhyAndWhatToType) {
  simulate("cpu", true);
  load();
  const Result result =
      run({"qwen2.5:7b", "--ollama.log-file=" + (directory_.root() / "ollama.log").string()});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, StartsWith("qwen2.5:7b runs on the CPU, because the runner has no CUDA code"));
  EXPECT_THAT(result.output, HasSubstr("token/s"));
  EXPECT_THAT(result.output, HasSubstr("/api/ps agrees"));
  EXPECT_THAT(result.output, HasSubstr("; type: tegrascope doctor"));

  directory_.write(
      "ollama.log",
      "time=2026-07-11T08:00:00.000Z level=INFO source=types.go:60 msg=\"inference compute\" id=cpu "
      "library=cpu compute=\"\" name=cpu total=\"7.4 GiB\" available=\"6.1 GiB\"\n");
  directory_.write("rootfs/proc/2101/mountinfo",
                   "2100 1900 0:120 / / rw,relatime - overlay overlay rw,lowerdir=/x\n");
  const Result told = run({"--json", "--ollama.log-file=" + (directory_.root() / "ollama.log").string()});
  EXPECT_EQ(told.code, 1);
  const json answer = json::parse(told.output);
  EXPECT_EQ(answer["placement"], "cpu");
  EXPECT_EQ(answer["on_gpu"], false);
  EXPECT_EQ(answer["reason"], "no-gpu");
  EXPECT_THAT(answer["cure"].get<std::string>(), HasSubstr("docker stop 5f0c6d1be7a9 && docker run"));
  EXPECT_GT(answer["joules_per_token"].get<double>(), 0.5);
}

TEST_F(Prove, ALieIsToldAsOne) {
  simulate("lying");
  load();
  const Result result = run();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr("runs on the CPU"));
  EXPECT_THAT(result.output, HasSubstr("/api/ps says 100 % GPU"));
}

TEST_F(Prove, NothingIsLoadedWithoutLeave) {
  simulate("gpu");
  const Result none = run();
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.errors, HasSubstr("no model is loaded: name one"));
  EXPECT_THAT(none.errors, HasSubstr("qwen2.5:7b"));
  const Result refused = run({"qwen2.5:7b"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("--yes"));
  EXPECT_EQ(json::parse(http_get(simulation_->ollama_url() + "/api/ps").body)["models"].size(), 0u);
  const Result unknown = run({"missing:1b", "--yes"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("ollama pull missing:1b"));
  const Result loaded = run({"qwen2.5:0.5b", "--yes"});
  EXPECT_EQ(loaded.code, 0) << loaded.errors << loaded.output;
  EXPECT_THAT(loaded.output, StartsWith("qwen2.5:0.5b runs on the GPU"));
}

TEST(ProveWithoutASimulation, WhatIsWrongIsTold) {
  TempTree empty;
  const Result none = prove({"--path.rootfs=" + empty.root().string()});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.errors, HasSubstr("no Ollama was found"));
  const Result refused = prove({"--ollama.url=http://127.0.0.1:9", "--path.rootfs=" + empty.root().string()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("does not answer"));
  EXPECT_EQ(prove({"--ollama.url=nonsense"}).code, 2);
  EXPECT_EQ(prove({"--yse"}).code, 2);
  EXPECT_EQ(prove({"--help"}).code, 0);
}

TEST(ProveWithARealOllama, ItsModelIsOnTheCpu) {
  const auto program = find_ollama();
  if (!program) GTEST_SKIP() << "no real Ollama: name one with TEGRASCOPE_TEST_OLLAMA";
  TempTree directory;
  OllamaProcess ollama(*program, directory.root());
  ollama.create_tiny_model("tiny", directory.root());
  EXPECT_EQ(prove({"tiny", "--ollama.url=" + ollama.url()}).code, 1) << "it is not loaded";
  const Result result = prove({"tiny", "--yes", "--json", "--ollama.url=" + ollama.url()});
  std::printf("%s", result.output.c_str());
  EXPECT_EQ(result.code, 1) << result.errors;
  const json answer = json::parse(result.output);
  EXPECT_EQ(answer["placement"], "cpu") << result.output;
  EXPECT_EQ(answer["model"], "tiny:latest");
  EXPECT_EQ(answer["declared_gpu_ratio"], 0.0);
  EXPECT_FALSE(answer["cure"].get<std::string>().empty());
}

}  // namespace
}  // namespace tegrascope::test
