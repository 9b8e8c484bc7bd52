// `tegrascope read` as a user types it: with and without rights, on a board with a stuck sensor, on this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/child_process.hpp"
#include "tests/support/sensor_faults.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
  std::chrono::duration<double> took{};
};

Result run(std::vector<std::string> arguments) {
  TempTree directory;
  const auto before = std::chrono::steady_clock::now();
  ChildProcess process(std::move(arguments), directory.root());
  Result result;
  result.code = process.wait_for(20s).value_or(-1);
  result.took = std::chrono::steady_clock::now() - before;
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

const json& collector(const json& document, const std::string& name) {
  for (const json& c : document["collectors"])
    if (c["name"] == name) return c;
  throw std::runtime_error("no collector " + name);
}

// Those with a value: collector, signal, instance, kind.
std::set<std::string> series(const json& document) {
  std::set<std::string> names;
  for (const json& c : document["collectors"])
    for (const json& s : c.value("signals", json::array()))
      names.insert(c["name"].get<std::string>() + " " + s["signal"].get<std::string>() + " " +
                   s["instance"].get<std::string>() + " " + s["kind"].get<std::string>());
  return names;
}

class ReadCommand : public testing::Test {
 protected:
  ReadCommand() {
    fs::copy(TEGRASCOPE_FIXTURES "/orin-nano-r36", root(),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    fs::permissions(directory_.root(), fs::perms(0755));
  }
  ~ReadCommand() override { fs::permissions(debugfs(), fs::perms(0700)); }

  fs::path root() const { return directory_.root() / "rootfs"; }
  fs::path debugfs() const { return root() / "sys/kernel/debug"; }
  std::vector<std::string> command(std::vector<std::string> more = {"--json"}) const {
    std::vector<std::string> words{TEGRASCOPE_PROGRAM, "read", "--path.rootfs=" + root().string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // By a user who is not root, where this is root: as `nobody`, with the options of setpriv(1) given.
  std::vector<std::string> unprivileged(const std::vector<std::string>& words,
                                        const std::vector<std::string>& options = {}) const {
    if (::geteuid() != 0) return words;
    std::vector<std::string> all{"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    all.insert(all.end(), options.begin(), options.end());
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  bool can_drop_rights() const {
    return ::geteuid() != 0 ||
           (fs::exists("/usr/bin/setpriv") && run(unprivileged({TEGRASCOPE_PROGRAM, "--version"})).code == 0);
  }

  TempTree directory_;
};

TEST_F(ReadCommand, WithoutRightsAllButDebugfsIsReadAndThatSaysHowToGrantIt) {
  if (!can_drop_rights()) GTEST_SKIP() << "needs setpriv and a program that every user may run";
  const Result whole = run(command());
  ASSERT_EQ(whole.code, 0) << whole.errors;
  const auto all = series(json::parse(whole.output));

  fs::permissions(debugfs(), fs::perms(::geteuid() == 0 ? 0700 : 0));
  const Result result = run(unprivileged(command()));
  ASSERT_EQ(result.code, 0) << result.errors;
  const json document = json::parse(result.output);
  const auto now = series(document);
  for (const std::string& name : all) {
    const bool roots = name.starts_with("emc ") || name.starts_with("engines ");
    EXPECT_EQ(now.contains(name), !roots) << name;
  }
  std::set<std::string> refused;
  for (const json& c : document["collectors"]) {
    for (const json& a : c.value("absent", json::array())) {
      if (a["reason"] != "permission") continue;
      refused.insert(a.value("signal", ""));
      EXPECT_THAT(a.value("path", ""), HasSubstr("/sys/kernel/debug/"));
      EXPECT_THAT(a.value("grant", ""), HasSubstr("CAP_DAC_READ_SEARCH"));
    }
  }
  EXPECT_EQ(refused,
            (std::set<std::string>{"emc_frequency_hertz", "emc_utilization_ratio", "emc_bytes_per_second",
                                   "emc_peak_bytes_per_second", "engine_on", "engine_frequency_hertz"}));
  EXPECT_EQ(collector(document, "emc")["state"], "failed");

  const Result text = run(unprivileged(command({})));
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.output, HasSubstr("to grant it: debugfs is root's"));
}

// What the agent says to do must help.
TEST_F(ReadCommand, TheCapabilityGrantsDebugfs) {
  if (::geteuid() != 0 || !can_drop_rights()) GTEST_SKIP() << "needs root and setpriv";
  const std::vector<std::string> capability{"--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"};
  if (run(unprivileged({TEGRASCOPE_PROGRAM, "--version"}, capability)).code != 0)
    GTEST_SKIP() << "this machine does not let root give the capability";
  fs::permissions(debugfs(), fs::perms(0700));
  fs::permissions(debugfs() / "bpmp/debug/clk/emc/rate", fs::perms(0400));
  const Result result = run(unprivileged(command(), capability));
  ASSERT_EQ(result.code, 0) << result.errors;
  const json document = json::parse(result.output);
  EXPECT_EQ(collector(document, "emc")["state"], "ok");
  EXPECT_EQ(collector(document, "engines")["state"], "ok");
}

TEST_F(ReadCommand, AStuckSensorIsToldAndItEndsSoon) {
  put_in_place(root() / "sys/class/thermal/thermal_zone0/temp", "(BLOCK)");
  auto words = command();
  words.front() = TEGRASCOPE_PROGRAM_WITH_FAULTS;
  const Result result = run(words);
  ASSERT_EQ(result.code, 0) << result.errors;
  EXPECT_LT(result.took, 3s);
  const json document = json::parse(result.output);
  bool told = false;
  for (const json& a : collector(document, "thermal")["absent"])
    told = told || (a["reason"] == "timeout" && a.value("instance", "") == "cpu");
  EXPECT_TRUE(told) << result.output;
  EXPECT_EQ(collector(document, "rails")["state"], "ok");
}

TEST_F(ReadCommand, AFifoInTheTreeDoesNotBlockIt) {
  break_file(root() / "proc/meminfo", kFaults[0]);
  const Result result = run(command());
  EXPECT_EQ(result.code, 0);
  EXPECT_LT(result.took, 3s);
  EXPECT_EQ(collector(json::parse(result.output), "memory")["state"], "partial");
}

TEST_F(ReadCommand, OnlyTheCollectorsThatAreAskedFor) {
  const json document = json::parse(run(command({"--json", "gpu", "fan"})).output);
  for (const json& c : document["collectors"]) {
    const bool asked = c["name"] == "gpu" || c["name"] == "fan";
    EXPECT_EQ(c["state"] == "off", !asked) << c["name"];
  }
  const json without = json::parse(run(command({"--json", "--no-collector.gpu"})).output);
  EXPECT_EQ(collector(without, "gpu")["reason"], "switched off by --no-collector.gpu");
}

TEST_F(ReadCommand, AReaderThatLeavesEarlyIsNoFault) {
  std::string line = "'" TEGRASCOPE_PROGRAM "' read --path.rootfs='" + root().string() + "' | true";
  const int status = std::system(("bash -o pipefail -c \"" + line + "\"").c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(ReadCommandOnThisMachine, ItReadsWhatThereIs) {
  const Result result = run({TEGRASCOPE_PROGRAM, "read", "--json"});
  ASSERT_EQ(result.code, 0) << result.errors;
  const json document = json::parse(result.output);
  EXPECT_EQ(document["board"]["jetson"], fs::exists("/etc/nv_tegra_release"));
  for (const char* name : {"cpu", "memory", "self"}) {
    const json& c = collector(document, name);
    EXPECT_FALSE(c["signals"].empty()) << name;
    for (const json& s : c["signals"]) {
      EXPECT_FALSE(s["sources"].empty()) << s;
      EXPECT_FALSE(s["unit"].get<std::string>().empty()) << s;
    }
  }
}

TEST(ReadCommandOnThisMachine, NothingToReadFailsAndWrongUsageIsTold) {
  TempTree empty;
  const Result nothing = run({TEGRASCOPE_PROGRAM, "read", "--path.rootfs=" + empty.root().string()});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_THAT(nothing.errors, HasSubstr("mount the host's /proc"));
  const Result absent = run({TEGRASCOPE_PROGRAM, "read", "gpu", "--path.rootfs=" + empty.root().string()});
  EXPECT_EQ(absent.code, 1);
  EXPECT_THAT(absent.errors, HasSubstr("this machine has no hardware for gpu\n"));
  EXPECT_EQ(run({TEGRASCOPE_PROGRAM, "read", "nonsense"}).code, 2);
  const Result flag = run({TEGRASCOPE_PROGRAM, "read", "--jsn"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_THAT(flag.errors, HasSubstr("--json"));
  EXPECT_EQ(run({TEGRASCOPE_PROGRAM, "read", "--help"}).code, 0);
}

}  // namespace
}  // namespace tegrascope::test
