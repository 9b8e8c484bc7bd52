#include "collectors/ollama/gpu_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "collectors/ollama/device_nodes.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
namespace fs = std::filesystem;

constexpr const char* kId = "5f0c6d1be7a94c30b1f2a7d86c1e94f7033d2f8b6a5510c9e47d1ab2c3f49e86";

std::string nul_ended(std::initializer_list<const char*> words) {
  std::string text;
  for (const char* word : words) text += std::string(word) + '\0';
  return text;
}

std::string status_of(std::uint32_t uid, std::uint32_t group, const char* capabilities = "0000000000000000") {
  const std::string u = std::to_string(uid);
  return "Name:\tollama\nUid:\t" + u + "\t" + u + "\t" + u + "\t" + u +
         "\nGid:\t997\t997\t997\t997\nGroups:\t" + std::to_string(group) + " \nCapEff:\t" + capabilities +
         "\n";
}

class Access : public testing::Test {
 protected:
  Access() {
    tree_.write("sys/firmware/devicetree/base/compatible", std::string("nvidia,tegra234") + '\0');
    tree_.write("proc/812/cmdline", nul_ended({"/usr/local/bin/ollama", "serve"}));
    tree_.write("proc/812/cgroup", "0::/system.slice/ollama.service\n");
    tree_.write("proc/812/status", status_of(997, 44));
  }
  void in_container() {
    tree_.write("proc/812/cgroup", std::string("0::/system.slice/docker-") + kId + ".scope\n");
    tree_.write("proc/812/cmdline", nul_ended({"/bin/ollama", "serve"}));
  }
  ServeAccess serve() const {
    const GpuAccess access = read_gpu_access({812}, {}, tree_.host_paths());
    return access.serves.size() == 1 ? access.serves.front() : ServeAccess{};
  }
  RunnerAccess runner() const {
    const GpuAccess access = read_gpu_access({}, {{900, 5}}, tree_.host_paths());
    return access.runners.size() == 1 ? access.runners.front() : RunnerAccess{};
  }
  TempTree tree_;
};

TEST_F(Access, OfATreeWithNothingMoreNothingIsTold) {
  const ServeAccess access = serve();
  EXPECT_EQ(access.serve_pid, 812);
  EXPECT_FALSE(access.container);
  EXPECT_FALSE(access.devices_missing || access.devices_denied || access.driver_library || access.backends);
  EXPECT_FALSE(access.jetpack_told || access.forced_cpu);
}

TEST_F(Access, ANativeServeHasTheHostsFiles) {
  for (const char* node : {"dev/nvmap", "dev/nvgpu/igpu0/ctrl"}) {
    tree_.write(node, "");
    fs::permissions(tree_.path(node), fs::perms(0666));
  }
  tree_.write("usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1", "");
  tree_.write("usr/local/lib/ollama/cuda_jetpack6/libggml-cuda.so", "");
  tree_.write("usr/local/lib/ollama/cuda_v12/libggml-cuda.so", "");
  tree_.write("usr/local/lib/ollama/libggml-base.so", "");
  tree_.write("etc/nv_tegra_release", "# R36");
  tree_.write("proc/812/environ", nul_ended({"OLLAMA_HOST=0.0.0.0"}));
  const ServeAccess access = serve();
  EXPECT_THAT(access.devices_missing, Optional(std::string()));
  EXPECT_THAT(access.devices_denied, Optional(std::string()));
  EXPECT_THAT(access.driver_library, Optional(true));
  EXPECT_THAT(access.backends, Optional(ElementsAre("cuda_jetpack6", "cuda_v12")));
  EXPECT_THAT(access.jetpack_told, Optional(true));
  EXPECT_THAT(access.forced_cpu, Optional(std::string()));
}

TEST_F(Access, AContainerHasItsOwn) {
  in_container();
  tree_.write("dev/nvmap", "");
  tree_.write("etc/nv_tegra_release", "# R36");
  tree_.write("proc/812/root/dev/null", "");
  tree_.write("proc/812/root/usr/lib/os-release", "");
  tree_.write("proc/812/root/lib/ollama/libggml-base.so", "");
  tree_.write("proc/812/environ", nul_ended({"OLLAMA_HOST=0.0.0.0:11434"}));
  const ServeAccess access = serve();
  EXPECT_TRUE(access.container);
  EXPECT_EQ(access.container_id, "5f0c6d1be7a9");
  EXPECT_THAT(access.devices_missing, Optional(HasSubstr("nvhost-ctrl-gpu")));
  EXPECT_THAT(access.driver_library, Optional(false));
  EXPECT_THAT(access.backends, Optional(IsEmpty()));
  EXPECT_THAT(access.jetpack_told, Optional(false));
  tree_.write("proc/812/environ", nul_ended({"JETSON_JETPACK=6"}));
  EXPECT_THAT(serve().jetpack_told, Optional(true));
}

// What everybody may read.
TEST_F(Access, WithoutRightsTheMountsTellWhetherTheRuntimeWasThere) {
  in_container();
  const std::string plain =
      "2100 1900 0:120 / / rw,relatime master:400 - overlay overlay rw,lowerdir=/x\n"
      "2101 2100 0:123 / /proc rw,nosuid - proc proc rw\n"
      "2102 2100 179:1 /var/lib/docker/volumes/ollama/_data /ollama rw - ext4 /dev/mmcblk0p1 rw\n";
  tree_.write("proc/812/mountinfo", plain);
  EXPECT_THAT(serve().devices_missing, Optional(std::string("mount of the NVIDIA runtime")));
  tree_.write("proc/812/mountinfo",
              plain +
                  "2110 2100 179:1 /usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1 "
                  "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1 ro - ext4 /dev/x ro\n");
  EXPECT_FALSE(serve().devices_missing);
  tree_.write("proc/812/cgroup", "0::/\n");
  EXPECT_TRUE(serve().container) << "its root is an overlay";
}

TEST_F(Access, CodeInsideTheProgramIsNotTold) {
  tree_.write("usr/local/lib/ollama/libcublas.so.12", "");
  EXPECT_FALSE(serve().backends);
  tree_.write("usr/local/lib/ollama/runners/cuda_v12/ollama_llama_server", "");
  EXPECT_THAT(serve().backends, Optional(ElementsAre("cuda_v12")));
}

TEST_F(Access, VariablesThatKeepItOnTheCpu) {
  for (const char* variable :
       {"CUDA_VISIBLE_DEVICES=-1", "CUDA_VISIBLE_DEVICES=", "OLLAMA_LLM_LIBRARY=cpu_avx2",
        "OLLAMA_IGPU_ENABLE=0", "OLLAMA_IGPU_ENABLE=False"}) {
    tree_.write("proc/812/environ", nul_ended({"HOME=/root", variable}));
    EXPECT_THAT(serve().forced_cpu, Optional(std::string(variable)));
  }
  for (const char* variable :
       {"CUDA_VISIBLE_DEVICES=0", "OLLAMA_LLM_LIBRARY=cuda_v12", "XCUDA_VISIBLE_DEVICES=-1"}) {
    tree_.write("proc/812/environ", nul_ended({"HOME=/root", variable}));
    EXPECT_THAT(serve().forced_cpu, Optional(std::string()));
  }
}

TEST_F(Access, ARunnersMapTellsItsCode) {
  tree_.write("proc/900/cmdline", nul_ended({"/usr/local/lib/ollama/llama-server", "--model", "/m"}));
  EXPECT_FALSE(runner().cuda_mapped);
  tree_.write("proc/900/maps",
              "ffff70-ffff74 r-xp 0 b3:01 1  /usr/local/lib/ollama/cuda_jetpack6/libggml-cuda.so\n");
  EXPECT_THAT(runner().cuda_mapped, Optional(true));
  EXPECT_EQ(runner().backend, "cuda_jetpack6");
  tree_.write("proc/900/maps",
              "ffff70-ffff74 r-xp 0 b3:01 1  /usr/local/lib/ollama/libggml-cpu-armv8.2_2.so\n");
  EXPECT_THAT(runner().cuda_mapped, Optional(false));
  EXPECT_EQ(runner().id, (ProcessId{900, 5}));
}

TEST_F(Access, WithoutRightsTheArgumentsTellSomeOfIt) {
  tree_.write("proc/900/cmdline", nul_ended({"/usr/local/lib/ollama/llama-server", "--load-mode", "dio"}));
  EXPECT_THAT(runner().cuda_mapped, Optional(true));
  tree_.write("proc/900/cmdline",
              nul_ended({"/tmp/ollama1/runners/cpu_avx2/ollama_llama_server", "--model", "/m"}));
  EXPECT_THAT(runner().cuda_mapped, Optional(false));
  tree_.write("proc/900/cmdline",
              nul_ended({"/tmp/ollama1/runners/cuda_v12/ollama_llama_server", "--model", "/m"}));
  EXPECT_FALSE(runner().cuda_mapped);
  EXPECT_EQ(runner().backend, "cuda_v12");
}

TEST_F(Access, ProcessesThatEndedAreLeftOut) {
  const GpuAccess access = read_gpu_access({4711}, {{4712, 1}}, tree_.host_paths());
  EXPECT_THAT(access.serves, IsEmpty());
  EXPECT_THAT(access.runners, IsEmpty());
}

TEST(DeviceNodes, AreJudgedByOwnerGroupAndMode) {
  TempTree tree;
  tree.write("dev/nvmap", "");
  const fs::path dev = tree.path("dev");
  const std::uint32_t group = ::getegid();
  const std::uint32_t stranger = ::geteuid() + 1000;
  fs::permissions(dev / "nvmap", fs::perms(0660));
  EXPECT_EQ(denied_device_nodes(dev, status_of(stranger, group + 1000)), "/dev/nvmap");
  EXPECT_EQ(denied_device_nodes(dev, status_of(stranger, group)), "");
  EXPECT_EQ(denied_device_nodes(dev, status_of(::geteuid(), group + 1000)), "");
  EXPECT_EQ(denied_device_nodes(dev, status_of(stranger, group + 1000, "00000000a80425fb")), "")
      << "docker's root";
  EXPECT_EQ(denied_device_nodes(dev, ""), "") << "whose it is is not told";
  fs::permissions(dev / "nvmap", fs::perms(0640));
  EXPECT_EQ(denied_device_nodes(dev, status_of(stranger, group)), "/dev/nvmap") << "writing as well";
}

TEST(DeviceNodes, OfEachKindOfMachine) {
  TempTree tree;
  tree.write("dev/null", "");
  const fs::path dev = tree.path("dev");
  EXPECT_EQ(missing_device_nodes(dev, false), "/dev/nvidia0");
  tree.write("dev/nvhost-ctrl-gpu", "");
  EXPECT_EQ(missing_device_nodes(dev, true), "/dev/nvmap");
  tree.write("dev/nvmap", "");
  EXPECT_EQ(missing_device_nodes(dev, true), "");
  tree.remove("dev/nvmap");
  tree.write("dev/nvidia0", "");
  tree.write("dev/nvidiactl", "");
  EXPECT_EQ(missing_device_nodes(dev, true), "") << "Thor";
  EXPECT_EQ(missing_device_nodes(dev, false), "");
}

}  // namespace
}  // namespace tegrascope::test
