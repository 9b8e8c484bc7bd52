#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <sstream>
#include <thread>

#include "simulator/board.hpp"
#include "simulator/board_tree.hpp"
#include "simulator/in_place_file.hpp"
#include "simulator/models.hpp"
#include "tests/unit/simulator/support.hpp"

namespace tegrascope::simulator {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::slurp;

class TreeTest : public ::testing::Test {
 protected:
  MonotonicTime at(double seconds) const { return MonotonicTime{100s} + from_seconds(seconds); }
  void make(bool container = false) {
    tree.emplace(root(), ProcessTreeOptions{39999, container}, board.sample(at(0)));
  }
  fs::path root() const { return folder.path() / "root"; }
  std::string text(const std::string& path) const { return slurp(root() / path); }
  std::int64_t number(const std::string& path) const { return std::stoll(text(path)); }
  std::int64_t start_runner(double when, RunnerKind kind = RunnerKind::llama_server,
                            Placement placement = Placement::gpu) {
    const std::int64_t pid =
        board.start_runner(*find_model("qwen2.5:7b"), placement, 1, 40001, kind, 1s, at(when));
    tree->update(board.sample(at(when + 0.02)));
    return pid;
  }
  test::TemporaryFolder folder;
  SimulatedBoard board{3, MonotonicTime{100s}};
  std::optional<BoardTree> tree;
};

std::string words(std::string nul_separated) {
  for (char& c : nul_separated)
    if (c == '\0') c = ' ';
  return nul_separated;
}

TEST_F(TreeTest, HasTheFilesOfAnOrinNano) {
  make();
  for (const char* path :
       {"proc/stat", "proc/meminfo", "proc/swaps", "proc/uptime", "proc/loadavg", "proc/version",
        "proc/1/stat", "proc/sys/kernel/osrelease", "sys/devices/system/cpu/cpu5/online", "etc/nvpmodel.conf",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "sys/class/hwmon/hwmon1/in7_label",
        "sys/class/devfreq/17000000.gpu/max_freq",
        "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr3_input",
        "sys/devices/platform/bus@0/17000000.gpu/power/runtime_status", "usr/bin/tegrastats"}) {
    EXPECT_TRUE(fs::is_regular_file(root() / path)) << path;
    EXPECT_FALSE(text(path).empty()) << path;
  }
  EXPECT_EQ(text("sys/class/hwmon/hwmon1/name"), "ina3221\n");
  EXPECT_EQ(text("sys/class/hwmon/hwmon1/in2_label"), "VDD_CPU_GPU_CV\n");
  EXPECT_EQ(text("sys/class/devfreq/17000000.gpu/device/of_node/name"), std::string("gpu\0", 4));
  EXPECT_EQ(number("sys/class/devfreq/17000000.gpu/device/load"), 0);
  EXPECT_EQ(text("var/lib/nvpmodel/status"), "pmode:0001\n");
  EXPECT_EQ(text("proc/device-tree/model").substr(0, 28), "NVIDIA Jetson Orin Nano Engi");
  EXPECT_EQ(text("etc/nv_tegra_release").rfind("# R36 (release), REVISION: 4.4,", 0), 0u);
  EXPECT_EQ(text("sys/class/thermal/thermal_zone2/type"), "cv0-thermal\n");
  EXPECT_FALSE(fs::exists(root() / "sys/class/thermal/thermal_zone2/temp"));
  EXPECT_NEAR(static_cast<double>(number("sys/class/thermal/thermal_zone1/temp")), 47500, 1000);
}

TEST_F(TreeTest, RailsMultiplyToThePower) {
  make();
  const auto milliwatts = [&](int channel) {
    const std::string base = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/";
    return static_cast<double>(number(base + "in" + std::to_string(channel) + "_input") *
                               number(base + "curr" + std::to_string(channel) + "_input")) /
           1000.0;
  };
  EXPECT_NEAR(milliwatts(1), 4600, 150);
  start_runner(1);
  board.set_work(RunnerWork::decode, at(2));
  tree->update(board.sample(at(3)));
  EXPECT_NEAR(milliwatts(1), 13000, 200);
  EXPECT_NEAR(milliwatts(2), 7600, 150);
  EXPECT_GT(number("sys/class/devfreq/17000000.gpu/device/load"), 900);
  EXPECT_EQ(number("sys/class/devfreq/17000000.gpu/cur_freq"), 1020000000);
}

TEST_F(TreeTest, CpuCountersAreConsistentAndMonotonic) {
  make();
  std::vector<std::uint64_t> last(48, 0);
  start_runner(0.5, RunnerKind::llama_server, Placement::cpu);
  board.set_work(RunnerWork::decode, at(1));
  for (int i = 1; i <= 200; ++i) {
    tree->update(board.sample(at(1 + 0.013 * i)));
    std::istringstream file(text("proc/stat"));
    std::string line;
    std::size_t column = 0;
    std::uint64_t all = 0;
    for (int row = 0; row < 7; ++row) {
      ASSERT_TRUE(std::getline(file, line));
      std::istringstream fields(line);
      std::string name;
      fields >> name;
      EXPECT_EQ(name, row == 0 ? "cpu" : "cpu" + std::to_string(row - 1));
      std::uint64_t sum = 0;
      for (int f = 0; f < 10; ++f) {
        std::uint64_t value = 0;
        ASSERT_TRUE(fields >> value);
        sum += value;
        if (f >= 5) continue;
        EXPECT_GE(value, last[column]) << line;
        last[column++] = value;
      }
      if (row == 0)
        all = sum;
      else
        EXPECT_NEAR(static_cast<double>(sum) * 6, static_cast<double>(all), 60);
    }
  }
  EXPECT_NEAR(static_cast<double>(last[0]) / 100, 6 * 0.01 * 10800 + 5.6 * 0.95 * 2.6, 2);
}

TEST_F(TreeTest, TheRunnerIsAProcessWithTheModelsBlob) {
  make();
  const std::int64_t pid = start_runner(1);
  const std::string process = "proc/" + std::to_string(pid) + "/";
  const std::string argv = words(text(process + "cmdline"));
  EXPECT_EQ(argv.rfind("/usr/local/lib/ollama/llama-server --model /", 0), 0u);
  EXPECT_NE(argv.find("/blobs/sha256-" + blob_digest(*find_model("qwen2.5:7b")) + " --port 40001"),
            std::string::npos);
  EXPECT_EQ(text(process + "comm"), "llama-server\n");
  EXPECT_NE(text(process + "maps").find("libggml-cuda.so"), std::string::npos);
  std::istringstream stat(text(process + "stat"));
  std::string field;
  std::vector<std::string> fields;
  while (stat >> field) fields.push_back(field);
  ASSERT_EQ(fields.size(), 52u);
  EXPECT_EQ(fields[1], "(llama-server)");
  EXPECT_EQ(fields[3], std::to_string(ProcessTree::kServe));
  EXPECT_NEAR(std::stod(fields[21]), (10800 + 1) * 100, 2);
  EXPECT_GT(std::stoll(fields[23]), 0);

  board.end_runner(at(3));
  tree->update(board.sample(at(3.1)));
  EXPECT_FALSE(fs::exists(root() / process));
  const std::int64_t next = start_runner(4, RunnerKind::ollama_runner, Placement::cpu);
  EXPECT_NE(next, pid);
  const std::string second = "proc/" + std::to_string(next) + "/";
  EXPECT_NE(words(text(second + "cmdline")).find(" runner --ollama-engine --model /"), std::string::npos);
  EXPECT_EQ(text(second + "comm"), "ollama\n");
  EXPECT_EQ(text(second + "maps").find("cuda"), std::string::npos);
}

TEST_F(TreeTest, TheServeListensWhereItSays) {
  make();
  EXPECT_EQ(words(text("proc/2101/cmdline")), "/usr/local/bin/ollama serve ");
  EXPECT_NE(text("proc/2101/net/tcp").find("0100007F:9C3F 00000000:0000 0A"), std::string::npos);
  EXPECT_NE(words(text("proc/2101/environ")).find("OLLAMA_HOST=127.0.0.1:39999"), std::string::npos);
  EXPECT_FALSE(fs::exists(root() / "proc/2043"));
}

TEST_F(TreeTest, AContainerPublishesItsPortThroughDockerProxy) {
  make(true);
  EXPECT_EQ(words(text("proc/2043/cmdline")),
            "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 39999 -container-ip 172.17.0.2 "
            "-container-port 11434 ");
  EXPECT_NE(text("proc/2101/net/tcp").find("00000000:2CAA 00000000:0000 0A"), std::string::npos);
  EXPECT_NE(text("proc/2043/net/tcp").find("00000000:9C3F 00000000:0000 0A"), std::string::npos);
  EXPECT_NE(text("proc/2101/cgroup").find("docker-"), std::string::npos);
}

TEST_F(TreeTest, MeminfoShowsTheModel) {
  make();
  const auto kilobytes = [&](const std::string& name) {
    const std::string all = text("proc/meminfo");
    const std::size_t at = all.find(name + ":");
    return at == std::string::npos ? -1 : std::stoll(all.substr(at + name.size() + 1));
  };
  EXPECT_EQ(kilobytes("MemTotal"), 7803436);
  const auto before = kilobytes("NvMapMemUsed");
  const auto available = kilobytes("MemAvailable");
  start_runner(1);
  board.set_work(RunnerWork::idle, at(2));
  tree->update(board.sample(at(3)));
  EXPECT_GT(kilobytes("NvMapMemUsed"), before + 4'500'000);
  EXPECT_LT(kilobytes("MemAvailable"), available - 4'000'000);
  EXPECT_GT(kilobytes("MemFree"), 0);
}

TEST_F(TreeTest, TegrastatsPrintsALineOfR36) {
  make();
  tree->update(board.sample(at(0.2)));
  const std::string command = (root() / "usr/bin/tegrastats").string() + " --interval 20";
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char line[1024] = {};
  EXPECT_NE(std::fgets(line, sizeof line, pipe), nullptr);
  fs::remove(root() / "run/tegrastats.line");  // ends the script
  ::pclose(pipe);
  const std::string got(line);
  EXPECT_NE(got.find(" RAM 1488/7620MB (lfb 22x4MB) SWAP 253/12002MB (cached 2MB) CPU ["), std::string::npos)
      << got;
  EXPECT_NE(got.find("] GR3D_FREQ 0% cpu@"), std::string::npos) << got;
  EXPECT_NE(got.find("C VDD_IN 4"), std::string::npos) << got;
  EXPECT_EQ(got.back(), '\n');
}

TEST(InPlaceFileTest, AReaderNeverSeesATornOrEmptyValue) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "curr1_input";
  InPlaceFile file(path, "112\n");
  std::atomic<bool> stop{false};
  std::atomic<long> reads{0};
  std::atomic<long> bad{0};
  std::thread reader([&] {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    char buffer[64];
    while (!stop) {
      const ssize_t count = ::pread(fd, buffer, sizeof buffer - 1, 0);
      buffer[count > 0 ? count : 0] = '\0';
      const std::string got(buffer, std::strcspn(buffer, "\n"));
      // Every value written is one digit repeated.
      if (count <= 0 || got.empty() || got.find_first_not_of(got[0]) != std::string::npos) {
        if (got != "112") ++bad;
      }
      ++reads;
    }
    ::close(fd);
  });
  for (int i = 0; i < 2000; ++i) {
    const char digit = static_cast<char>('1' + i % 9);
    file.write(std::string(static_cast<std::size_t>(3 + i % 4), digit) + "\n");
    if (i % 100 == 0) {
      const long seen = reads;
      EXPECT_TRUE(test::eventually([&] { return reads > seen; }));
    }
  }
  stop = true;
  reader.join();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(reads, 20);
}

TEST(InPlaceFileTest, ShorterTextIsPaddedNotTruncated) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "value";
  InPlaceFile file(path, "123456789\n");
  const auto length = fs::file_size(path);
  file.write("7\n");
  EXPECT_EQ(fs::file_size(path), length);
  EXPECT_EQ(slurp(path), "7\n" + std::string(length - 2, '\n'));
}

}  // namespace
}  // namespace tegrascope::simulator
