// `tegrascope doctor` as a user types it, on a simulated board whose Ollama runs in a container and is open to everybody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "simulator/simulation.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/http.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
};

Result doctor(std::vector<std::string> flags) {
  TempTree directory;
  flags.insert(flags.begin(), {TEGRASCOPE_PROGRAM, "doctor"});
  ChildProcess process(flags, directory.root());
  Result result;
  result.code = process.wait_for(30s).value_or(-1);
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

class DoctorCommand : public testing::Test {
 protected:
  void simulate(const std::string& scenario, bool container) {
    simulator::SimulationOptions options;
    options.rootfs = directory_.root() / "rootfs";
    options.scenario = scenario;
    options.container = container;
    options.speed = 4;
    simulation_.emplace(options);
    simulation_->start();
    http_post(simulation_->ollama_url() + "/api/generate", R"({"model":"qwen2.5:7b"})");
  }
  Result run(std::vector<std::string> more = {}) const {
    more.push_back("--path.rootfs=" + (directory_.root() / "rootfs").string());
    more.push_back("--path.tegrastats=" + simulation_->tegrastats().string());
    return doctor(more);
  }
  static json finding(const std::string& output, const std::string& id) {
    const json document = json::parse(output);
    for (const json& f : document["findings"])
      if (f["id"] == id) return f;
    return json::object();
  }
  TempTree directory_;
  std::optional<simulator::Simulation> simulation_;
};

TEST_F(DoctorCommand, AnOpenContainerOnTheCpu) {
  simulate("cpu", true);
  directory_.write("rootfs/etc/tegrascope/web.yml", "basic_auth_users: {}\n");
  ::chmod(directory_.path("rootfs/etc/tegrascope/web.yml").c_str(), 0644);
  directory_.write("rootfs/proc/2101/environ",
                   std::string("OLLAMA_HOST=0.0.0.0:11434\0OLLAMA_ORIGINS=*\0SECRET_TOKEN=canary\0", 64));
  directory_.write("rootfs/proc/2101/mountinfo",
                   "2100 1900 0:120 / / rw,relatime - overlay overlay rw,lowerdir=/x\n");
  const std::string bundle = directory_.path("bundle.json").string();
  const Result result = run({"--json", "--bundle", bundle});
  EXPECT_EQ(result.code, 1) << result.errors;
  EXPECT_THAT(finding(result.output, "ollama-exposed").value("what", ""), HasSubstr("published by docker"));
  EXPECT_THAT(finding(result.output, "ollama-origins").value("what", ""), HasSubstr("OLLAMA_ORIGINS=*"));
  EXPECT_THAT(finding(result.output, "web-config").value("mend", ""),
              HasSubstr("chmod o-r /etc/tegrascope/web.yml"));
  const json placement = finding(result.output, "placement");
  EXPECT_EQ(placement.value("severity", ""), "problem");
  EXPECT_EQ(placement.value("subject", ""), "qwen2.5:7b");
  EXPECT_THAT(placement.value("mend", ""),
              HasSubstr("docker stop 5f0c6d1be7a9 && docker run -d --name ollama-gpu --runtime nvidia"));
  EXPECT_THAT(finding(result.output, "gpu-access").value("what", ""), HasSubstr("NVIDIA runtime"));
  EXPECT_THAT(finding(result.output, "board").value("what", ""), HasSubstr("Orin Nano"));
  EXPECT_THAT(finding(result.output, "tegrastats").value("what", ""), HasSubstr("agree in all"));
  EXPECT_THAT(finding(result.output, "witness-slots").value("what", ""), HasSubstr("container's network"));

  const std::string text = read_file(bundle);
  const json document = json::parse(text);
  EXPECT_EQ(document["servers"][0]["access"]["container"], true);
  EXPECT_FALSE(document["readings"]["collectors"].empty());
  EXPECT_EQ(text.find("canary"), std::string::npos);
}

TEST_F(DoctorCommand, ASoundNativeOne) {
  simulate("gpu", false);
  const Result result = run();
  EXPECT_EQ(result.code, 0) << result.output << result.errors;
  EXPECT_THAT(result.output,
              HasSubstr("qwen2.5:7b: on the GPU, says /api/ps; its runner has cuda_jetpack6 in its memory"));
  EXPECT_THAT(result.output, HasSubstr("0 problems, 0 warnings"));
}

TEST(DoctorCommandLine, WrongUsageAndUnwritableBundles) {
  EXPECT_EQ(doctor({"--jsn"}).code, 2);
  EXPECT_EQ(doctor({"--ollama.url=nonsense"}).code, 2);
  EXPECT_EQ(doctor({"--help"}).code, 0);
  const Result result = doctor({"--bundle", "/nonexistent/b.json"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.errors, HasSubstr("/nonexistent/b.json: cannot be written: No such file or directory"));
}

}  // namespace
}  // namespace tegrascope::test
