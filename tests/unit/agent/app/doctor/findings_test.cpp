#include "agent/app/doctor/findings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/app/doctor/compare.hpp"
#include "agent/app/doctor/report.hpp"

namespace tegrascope {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

CollectorReport collector(const std::string& name, const std::vector<Reading>& readings) {
  CollectorReport report;
  report.name = name;
  report.state = CollectorState::ok;
  for (const Reading& reading : readings) report.signals.push_back({reading, {}});
  return report;
}

constexpr double kGiB = 1024.0 * 1024 * 1024;

// An Orin Nano and a native Ollama on loopback with nothing wrong.
DoctorFacts sound() {
  DoctorFacts facts;
  BoardIdentity& board = facts.report.board;
  board.module = "NVIDIA Jetson Orin Nano 8GB";
  board.soc = "tegra234";
  board.l4t = "36.4.4";
  board.jetpack = "6.2.1";
  board.jetson = true;
  facts.gpu_present = true;
  facts.report.collectors = {collector("memory", {{Signal::memory_total_bytes, "", "", 8 * kGiB, {}},
                                                  {Signal::memory_available_bytes, "", "", 5 * kGiB, {}}}),
                             collector("nvpmodel", {{Signal::nvpmodel_mode, "", "MAXN_SUPER", 2, {}},
                                                    {Signal::clocks_locked, "", "", 0, {}}}),
                             collector("gpu", {{Signal::gpu_utilization_ratio, "0", "", 0.5, {}}}),
                             collector("tegrastats", {{Signal::gpu_utilization_ratio, "0", "", 0.45, {}}})};
  ServerFacts server;
  server.state.server = {"127.0.0.1:11434", "http://127.0.0.1:11434", 812};
  server.state.up = true;
  server.state.version = "0.33.0";
  server.state.models_known = true;
  server.listens = {{"127.0.0.1", 11434, false}};
  ServeAccess access;
  access.serve_pid = 812;
  access.devices_missing = "";
  access.devices_denied = "";
  access.driver_library = true;
  access.backends = {"cuda_jetpack6"};
  access.jetpack_told = true;
  access.forced_cpu = "";
  server.access = access;
  facts.servers = {server};
  return facts;
}

ResidentModel model(double share) {
  ResidentModel m;
  m.name = "qwen2.5:7b";
  m.size_bytes = 1000;
  m.size_vram_bytes = static_cast<std::uint64_t>(share * 1000);
  return m;
}

Finding finding(const DoctorFacts& facts, const std::string& id) {
  for (const Finding& f : find_all(facts))
    if (f.id == id) return f;
  return {};
}

TEST(Doctor, ASoundBoardHasNotesOnly) {
  DoctorFacts facts = sound();
  facts.servers[0].state.models = {model(1)};
  const auto findings = find_all(facts);
  for (const Finding& f : findings) EXPECT_EQ(f.severity, Severity::note) << f.id << ": " << f.what;
  EXPECT_EQ(exit_code(findings), 0);
  EXPECT_THAT(finding(facts, "board").what,
              "NVIDIA Jetson Orin Nano 8GB, tegra234, L4T 36.4.4 (JetPack 6.2.1)");
  EXPECT_THAT(finding(facts, "compute-capability").what, HasSubstr("8.7"));
  EXPECT_THAT(finding(facts, "power-mode").what, HasSubstr("MAXN_SUPER"));
  EXPECT_THAT(finding(facts, "memory-headroom").what, HasSubstr("4.5 GiB more fit"));
  EXPECT_THAT(finding(facts, "ollama").what, "Ollama 0.33.0, native, 1 model loaded");
  EXPECT_THAT(finding(facts, "placement").mend, "tegrascope prove qwen2.5:7b");
}

struct Row {
  const char* id;
  Severity severity;
  const char* what;
  const char* mend;
  void (*change)(DoctorFacts&);
};

TEST(Doctor, NamesWhatIsWrongWithItsCure) {
  const std::vector<Row> rows{
      {"no-ollama", Severity::problem, "no Ollama", "systemctl start ollama",
       [](DoctorFacts& f) { f.servers.clear(); }},
      {"ollama-down", Severity::problem, "connection refused", "restart ollama",
       [](DoctorFacts& f) {
         f.servers[0].state.up = false;
         f.servers[0].state.error = "connection refused";
       }},
      {"ollama-exposed", Severity::warning, "0.0.0.0:11434", "OLLAMA_HOST=127.0.0.1",
       [](DoctorFacts& f) {
         f.servers[0].listens = {{"0.0.0.0", 11434, false}};
       }},
      {"ollama-exposed", Severity::warning, "[::]:11434", "--relay.guard",
       [](DoctorFacts& f) {
         f.servers[0].listens = {{"::", 11434, false}};
       }},
      {"ollama-exposed", Severity::warning, "published by docker", "docker inspect 5f0c6d1be7a9",
       [](DoctorFacts& f) {
         f.servers[0].listens = {{"0.0.0.0", 3002, true}};
         f.servers[0].access->container = true;
         f.servers[0].access->container_id = "5f0c6d1be7a9";
       }},
      {"ollama-origins", Severity::warning, "OLLAMA_ORIGINS=*", "OLLAMA_ORIGINS",
       [](DoctorFacts& f) { f.servers[0].origins = "*"; }},
      {"ollama-release", Severity::warning, "CVE-2026-7482", "install.sh",
       [](DoctorFacts& f) { f.servers[0].state.version = "0.6.8"; }},
      {"ollama-release", Severity::problem, "CVE-2026-7482", "install.sh",
       [](DoctorFacts& f) {
         f.servers[0].state.version = "0.17.0";
         f.servers[0].listens = {{"0.0.0.0", 11434, false}};
       }},
      {"web-config", Severity::warning, "every user", "chmod o-r /etc/tegrascope/web.yml",
       [](DoctorFacts& f) { f.readable_web_configs = {"/etc/tegrascope/web.yml"}; }},
      {"relay-open", Severity::warning, "without guard", "--relay.guard",
       [](DoctorFacts& f) {
         f.relays = {{{"0.0.0.0:11481"}, false}};
       }},
      {"gpu-access", Severity::problem, "may not open /dev/nvmap", "usermod",
       [](DoctorFacts& f) { f.servers[0].access->devices_denied = "/dev/nvmap"; }},
      {"gpu-access", Severity::warning, "CUDA_VISIBLE_DEVICES=-1", "CUDA_VISIBLE_DEVICES",
       [](DoctorFacts& f) { f.servers[0].access->forced_cpu = "CUDA_VISIBLE_DEVICES=-1"; }},
      {"gpu-access", Severity::problem, "its container has no mount of the NVIDIA runtime",
       "--runtime nvidia",
       [](DoctorFacts& f) {
         f.servers[0].access->container = true;
         f.servers[0].access->devices_missing = "mount of the NVIDIA runtime";
       }},
      {"placement", Severity::problem, "on the CPU", "tegrascope doctor",
       [](DoctorFacts& f) { f.servers[0].state.models = {model(0)}; }},
      {"placement", Severity::warning, "62 % on the GPU", "OLLAMA_CONTEXT_LENGTH",
       [](DoctorFacts& f) { f.servers[0].state.models = {model(0.62)}; }},
      {"placement-claims", Severity::warning, "the log of its load says cpu (0 of 29 layers on the GPU)",
       "prove",
       [](DoctorFacts& f) {
         f.servers[0].state.models = {model(1)};
         f.servers[0].log = ServerLog{};
         f.servers[0].log->placement = Placement::cpu;
         f.servers[0].log->layers_offloaded = 0;
         f.servers[0].log->layers_total = 29;
       }},
      {"log-trouble", Severity::warning, "oom-killed", "multi-user.target",
       [](DoctorFacts& f) {
         f.servers[0].log = ServerLog{};
         f.servers[0].log->followed = true;
         f.servers[0].log->reason = ReasonClass::oom_killed;
       }},
      {"memory-headroom", Severity::warning, "0.0 GiB more fit", "drop_caches",
       [](DoctorFacts& f) { f.report.collectors[0].signals[1].reading.value = 0.1 * kGiB; }},
      {"memory-fragmented", Severity::warning, "512 KiB", "compact_memory",
       [](DoctorFacts& f) {
         f.report.collectors.push_back(
             collector("pressure", {{Signal::memory_largest_free_block_bytes, "", "", 512.0 * 1024, {}}}));
       }},
      {"throttled", Severity::warning, "overcurrent", "nvpmodel",
       [](DoctorFacts& f) {
         f.report.collectors.push_back(
             collector("throttle", {{Signal::throttled, "", "overcurrent", 1, {}}}));
       }},
      {"no-gpu", Severity::warning, "no NVIDIA GPU", "lspci", [](DoctorFacts& f) { f.gpu_present = false; }},
      {"compute-capability", Severity::problem, "3.2", "",
       [](DoctorFacts& f) { f.report.board.soc = "tegra124"; }},
      {"jetpack-4", Severity::problem, "CUDA 10.2", "llama.cpp",
       [](DoctorFacts& f) { f.report.board.l4t = "32.7.4"; }},
      {"l4t-unknown", Severity::warning, "nv_tegra_release", "nv_tegra_release",
       [](DoctorFacts& f) { f.report.board.l4t.clear(); }},
      {"sensor-failing", Severity::warning, "temperature_celsius (timeout)", "tegrascope read thermal",
       [](DoctorFacts& f) {
         CollectorReport thermal;
         thermal.name = "thermal";
         thermal.absent.push_back({Signal::temperature_celsius, "cv0", "/sys/x", "timeout", "hangs", ""});
         f.report.collectors.push_back(thermal);
       }},
      {"witness-process", Severity::warning, "not seen in /proc", "processes",
       [](DoctorFacts& f) { f.servers[0].state.server.serve_pid = 0; }},
      {"witness-log", Severity::warning, "Permission denied", "chmod o+r /data/logs/ollama.log",
       [](DoctorFacts& f) {
         f.servers[0].log_path = "/data/logs/ollama.log";
         f.servers[0].log = ServerLog{};
         f.servers[0].log->error = "/data/logs/ollama.log: Permission denied";
       }},
  };
  for (const Row& row : rows) {
    DoctorFacts facts = sound();
    row.change(facts);
    const Finding found = finding(facts, row.id);
    SCOPED_TRACE(std::string(row.id) + ": " + found.what + " | " + found.mend);
    EXPECT_EQ(found.severity, row.severity);
    EXPECT_THAT(found.what, HasSubstr(row.what));
    EXPECT_THAT(found.mend, HasSubstr(row.mend));
    EXPECT_EQ(exit_code(find_all(facts)), 1);
    if (found.severity != Severity::note) {
      EXPECT_FALSE(found.why.empty());
    }
  }
}

TEST(Doctor, EveryMendIsOneLine) {
  DoctorFacts facts = sound();
  facts.servers[0].listens = {{"0.0.0.0", 11434, false}};
  facts.servers[0].origins = "*";
  for (const Finding& f : find_all(facts)) {
    EXPECT_EQ(f.mend.find('\n'), std::string::npos) << f.id;
    EXPECT_EQ(f.what.find('\n'), std::string::npos) << f.id;
  }
}

TEST(Doctor, TheWorstComesFirst) {
  DoctorFacts facts = sound();
  facts.servers[0].listens = {{"0.0.0.0", 11434, false}};
  facts.servers[0].state.models = {model(0)};
  const auto findings = find_all(facts);
  EXPECT_EQ(findings.front().severity, Severity::problem);
  EXPECT_TRUE(std::is_sorted(findings.begin(), findings.end(),
                             [](const Finding& a, const Finding& b) { return a.severity > b.severity; }));
  EXPECT_THAT(findings_text(findings), HasSubstr("\n1 problem, 1 warning, "));
}

TEST(Doctor, VersionsAreComparedByTheirNumbers) {
  EXPECT_TRUE(is_before("0.9.1", "0.17.1"));
  EXPECT_TRUE(is_before("0.17.0-rc2", "0.17.1"));
  EXPECT_FALSE(is_before("0.17.1", "0.17.1"));
  EXPECT_FALSE(is_before("1.0", "0.17.1"));
  EXPECT_FALSE(is_before("", "0.17.1"));
  EXPECT_FALSE(is_before("nightly", "0.17.1"));
  EXPECT_FALSE(is_before("0.0.0", "0.17.1"));
}

TEST(Doctor, AReleaseBuiltFromSourceIsUnknownAndNotOld) {
  DoctorFacts facts = sound();
  facts.servers[0].state.version = "0.0.0";
  const std::vector<Finding> findings = find_all(facts);
  EXPECT_EQ(exit_code(findings), 0);
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(),
                          [](const Finding& f) { return f.id == "ollama-release"; }),
            1);
  const std::string text = findings_text(findings);
  EXPECT_THAT(text, HasSubstr("Ollama 0.0.0: release unknown (built from source)"));
  EXPECT_THAT(text, HasSubstr("witness slots: works from Ollama 0.30 on; release unknown"));
  for (const char* wrong : {"CVE", "has no /api/ps", "needs Ollama"})
    EXPECT_THAT(text, testing::Not(HasSubstr(wrong)));
}

// ---- tegrastats against the kernel's files

TEST(DoctorTegrastats, DifferencesAreNamedSignalBySignal) {
  DoctorFacts facts = sound();
  EXPECT_THAT(finding(facts, "tegrastats").what, HasSubstr("agree in all 1 signals"));
  facts.report.collectors[3].signals[0].reading.value = 0.99;
  facts.report.collectors[3].signals.push_back({{Signal::memory_total_bytes, "", "", 4 * kGiB, {}}, {}});
  const Finding apart = finding(facts, "tegrastats");
  EXPECT_EQ(apart.severity, Severity::warning);
  EXPECT_THAT(apart.what, AllOf(HasSubstr("2 of 2"),
                                HasSubstr("gpu_utilization_ratio 0 (0.99 by tegrastats, 0.5 by its file)"),
                                HasSubstr("memory_total_bytes")));
  facts.report.collectors.pop_back();
  EXPECT_THAT(finding(facts, "tegrastats").what, HasSubstr("nothing that could be compared"));
}

TEST(DoctorTegrastats, SignalsOfOneKindOnlyAreCompared) {
  BoardReport report;
  report.collectors = {collector("thermal", {{Signal::temperature_celsius, "cpu", "", 50, {}},
                                             {Signal::temperature_celsius, "gpu", "", 48, {}}}),
                       collector("tegrastats", {{Signal::temperature_celsius, "cpu", "", 51, {}},
                                                {Signal::temperature_celsius, "tj", "", 52, {}}})};
  const auto comparisons = compare_tegrastats(report);
  ASSERT_EQ(comparisons.size(), 1u);
  EXPECT_TRUE(comparisons[0].agrees);
  EXPECT_EQ(comparisons[0].sysfs.value, 50);
}

TEST(DoctorTegrastats, Tolerances) {
  EXPECT_TRUE(agree(Signal::temperature_celsius, 50, 52.5));
  EXPECT_FALSE(agree(Signal::temperature_celsius, 50, 54));
  EXPECT_TRUE(agree(Signal::memory_total_bytes, 8 * kGiB, 8 * kGiB - 1e6));
  EXPECT_FALSE(agree(Signal::memory_total_bytes, 8 * kGiB, 7.9 * kGiB));
  EXPECT_TRUE(agree(Signal::rail_power_watts, 4.5, 5.4));
  EXPECT_FALSE(agree(Signal::rail_power_watts, 4.5, 9));
  EXPECT_TRUE(agree(Signal::gpu_utilization_ratio, 0.9, 0.7));
  EXPECT_FALSE(agree(Signal::gpu_utilization_ratio, 0.9, 0.1));
  EXPECT_FALSE(agree(Signal::cpu_online, 1, 0));
}

// ---- what may leave the machine

TEST(DoctorBundle, ScrubsWhatTellsWhoAndWhere) {
  const auto scrubbed = [](const char* text) { return scrub(text, "lab-orin-7"); };
  EXPECT_EQ(scrubbed("/home/alice/.ollama/log"), "/home/USER/.ollama/log");
  EXPECT_EQ(scrubbed("at 192.168.4.7:11434, 0.0.0.0:1 and 127.0.0.1:2"),
            "at ADDRESS:11434, 0.0.0.0:1 and 127.0.0.1:2");
  EXPECT_EQ(scrubbed("eth 48:b0:2d:aa:bb:cc"), "eth HARDWARE-ADDRESS");
  EXPECT_EQ(scrubbed("fe80::4ab0:2dff:fe12:3456"), "ADDRESS");
  EXPECT_EQ(scrubbed("2001:db8:1:2:3:4:5:6"), "ADDRESS");
  EXPECT_EQ(scrubbed("OLLAMA_API_KEY=abc123 x"), "OLLAMA_API_KEY=REMOVED x");
  EXPECT_EQ(scrubbed("--token=t0p"), "--token=REMOVED");
  EXPECT_EQ(scrubbed("Authorization: Bearer abc.def"), "Authorization: Bearer REMOVED");
  EXPECT_EQ(scrubbed("serial 1421322012345"), "serial NUMBER");
  EXPECT_EQ(scrubbed("on lab-orin-7 now"), "on HOST now");
  for (const char* kept : {"qwen2.5:7b", "docker restart 5f0c6d1be7a9", "/sys/class/hwmon/hwmon1/in1_input",
                           "[::]:11434", "36.4.4", "127.0.0.1:11434", "2.0 of 7.4 GiB"})
    EXPECT_EQ(scrubbed(kept), kept);
}

TEST(DoctorBundle, HoldsNoTraceOfCanaries) {
  DoctorFacts facts = sound();
  facts.servers[0].state.models = {model(0)};
  facts.servers[0].state.error = "http://192.168.4.7 of /home/alice with TOKEN=canary";
  facts.servers[0].log_path = "/home/alice/ollama.log";
  facts.servers[0].log = ServerLog{};
  facts.servers[0].log->error = "/home/alice/ollama.log: Permission denied";
  const std::string bundle = bundle_json(facts, find_all(facts),
                                         R"({"collectors":[{"path":"/home/alice/x","detail":"lab-orin-7"}]})",
                                         "1.2.3", "lab-orin-7");
  for (const char* secret : {"alice", "canary", "192.168", "lab-orin-7"})
    EXPECT_EQ(bundle.find(secret), std::string::npos) << secret;
  EXPECT_THAT(bundle, AllOf(HasSubstr("\"tegrascope\": \"1.2.3\""), HasSubstr("tegra234"),
                            HasSubstr("\"placement\"")));
}

}  // namespace
}  // namespace tegrascope
