#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/app/doctor/compare.hpp"
#include "agent/app/doctor/findings.hpp"
#include "agent/model/headroom.hpp"
#include "agent/model/signals.hpp"
#include "agent/placement/reasons.hpp"

namespace tegrascope {
namespace {

double gib(double bytes) { return bytes / (1024.0 * 1024 * 1024); }

std::string name_of(const BoardIdentity& board) {
  if (!board.jetson)
    return board.module.empty() ? "no Jetson: a Linux machine" : "no Jetson: " + board.module;
  std::string name = board.module.empty() ? "a Jetson that is not in the table" : board.module;
  if (!board.soc.empty()) name += ", " + board.soc;
  if (board.l4t.empty()) return name + ", L4T release not readable";
  name += ", L4T " + board.l4t;
  return name +
         (board.jetpack.empty() ? " (no JetPack release that is known)" : " (JetPack " + board.jetpack + ")");
}

void find_gpu(const DoctorFacts& facts, std::vector<Finding>& out) {
  const BoardIdentity& board = facts.report.board;
  if (!facts.gpu_present) {
    out.push_back({"no-gpu", Severity::warning, "", "this machine has no NVIDIA GPU",
                   "every model runs on the CPU",
                   "lspci | grep -i nvidia  # is there a card whose driver is missing?"});
    return;
  }
  const auto capability = compute_capability_of(board.soc);
  if (!capability) {
    out.push_back({"compute-capability", Severity::note, "", "the GPU's compute capability is not told here",
                   "Ollama needs 5.0 or more",
                   board.jetson ? "" : "nvidia-smi --query-gpu=name,compute_cap --format=csv"});
    return;
  }
  if (*capability < kLeastComputeCapability) {
    out.push_back({"compute-capability", Severity::problem, "",
                   fmt::format("compute capability {:.1f}, Ollama needs 5.0 or more", *capability),
                   "Ollama computes on the CPU only",
                   "sudo apt-get install git cmake g++  # to build llama.cpp, for its CPU code"});
    return;
  }
  out.push_back({"compute-capability", Severity::note, "",
                 fmt::format("compute capability {:.1f}: enough for Ollama (5.0 or more)", *capability), "",
                 ""});
  if (board.jetson && board.l4t.starts_with("32."))
    out.push_back(
        {"jetpack-4", Severity::problem, "", "JetPack 4: no Ollama is built for its CUDA 10.2",
         "Ollama computes on the CPU only",
         "git clone https://github.com/ggml-org/llama.cpp  # to build it on the board with CUDA 10.2"});
}

void find_clocks(const DoctorFacts& facts, std::vector<Finding>& out) {
  if (const auto mode = find_reading(facts.report, Signal::nvpmodel_mode)) {
    std::string what = fmt::format("power mode {:.0f}", mode->value);
    if (!mode->kind.empty()) what += " (" + mode->kind + ")";
    if (const auto most = find_reading(facts.report, Signal::gpu_frequency_max_hertz))
      what += fmt::format(", GPU up to {:.0f} MHz", most->value * 1e-6);
    out.push_back({"power-mode", Severity::note, "", what,
                   "it bounds the token rate; rates of other modes do not compare",
                   "sudo nvpmodel -q  # sudo nvpmodel -m MODE changes it"});
  }
  if (const auto locked = find_reading(facts.report, Signal::clocks_locked))
    out.push_back(
        {"clocks", Severity::note, "",
         locked->value != 0 ? "clocks are held at their highest (jetson_clocks)" : "clocks follow the load",
         "", ""});
  std::set<std::string> held;
  for (const Reading& r : sensor_readings(facts.report))
    if (r.signal == Signal::throttled && r.value != 0) held.insert(r.kind);
  if (!held.empty())
    out.push_back({"throttled", Severity::warning, "",
                   fmt::format("clocks are held down now: {}", fmt::join(held, ", ")),
                   "tokens come slower than the power mode allows",
                   held.contains("overcurrent") ? "sudo nvpmodel -m 0  # or a stronger power supply"
                                                : "sudo jetson_clocks --fan  # and air for the heat sink"});
}

// What sensors need, and which fail.
void find_sensors(const DoctorFacts& facts, std::vector<Finding>& out) {
  for (const CollectorReport& collector : facts.report.collectors) {
    if (collector.name == "tegrastats") continue;
    std::set<std::string> closed, failing;
    std::string grant, why;
    for (const Absence& absence : collector.absent) {
      const std::string name = absence.signal ? std::string(signal_info(*absence.signal).name) : absence.path;
      if (absence.reason == to_string(ErrorReason::permission)) {
        closed.insert(name);
        if (grant.empty()) grant = absence.grant;
      } else if (absence.reason == to_string(ErrorReason::timeout) ||
                 absence.reason == to_string(ErrorReason::parse) ||
                 absence.reason == to_string(ErrorReason::range)) {
        failing.insert(name + " (" + absence.reason + ")");
        if (why.empty()) why = absence.path + ": " + absence.detail;
      }
    }
    if (!closed.empty())
      out.push_back({"sensor-permission", Severity::note, collector.name,
                     fmt::format("needs a right: {}", fmt::join(closed, ", ")), grant,
                     "sudo tegrascope read " + collector.name});
    if (!failing.empty())
      out.push_back({"sensor-failing", Severity::warning, collector.name,
                     fmt::format("cannot be read: {}", fmt::join(failing, ", ")), why,
                     "tegrascope read " + collector.name + "  # all of it, file by file"});
  }
}

void find_tegrastats(const DoctorFacts& facts, std::vector<Finding>& out) {
  if (!facts.report.board.jetson) return;
  const std::vector<Comparison> comparisons = compare_tegrastats(facts.report);
  if (comparisons.empty()) {
    out.push_back({"tegrastats", Severity::note, "", "tegrastats told nothing that could be compared",
                   "it is a second opinion on the kernel's files",
                   "which tegrastats  # or name it with --path.tegrastats"});
    return;
  }
  std::vector<std::string> apart;
  for (const Comparison& c : comparisons) {
    if (c.agrees) continue;
    apart.push_back(fmt::format("{} ({} by tegrastats, {} by its file)", tegrascope::name_of(c.tegrastats),
                                c.tegrastats.value, c.sysfs.value));
  }
  if (apart.empty()) {
    out.push_back({"tegrastats", Severity::note, "",
                   fmt::format("tegrastats and the kernel's files agree in all {} signals that both tell",
                               comparisons.size()),
                   "", ""});
    return;
  }
  out.push_back({"tegrastats", Severity::warning, "",
                 fmt::format("tegrastats and the kernel's files differ in {} of {} signals: {}", apart.size(),
                             comparisons.size(), fmt::join(apart, "; ")),
                 "one of the two is wrong, or the board's load changed between the reads",
                 "tegrascope doctor  # again, on a quiet board"});
}

}  // namespace

void find_in_board(const DoctorFacts& facts, std::vector<Finding>& out) {
  const BoardIdentity& board = facts.report.board;
  out.push_back({"board", Severity::note, "", name_of(board), "", ""});
  if (board.jetson && board.l4t.empty())
    out.push_back(
        {"l4t-unknown", Severity::warning, "", "/etc/nv_tegra_release is not there",
         "the JetPack release is not known, and Ollama in a container asks the same file",
         "head -1 /etc/nv_tegra_release  # in a container: mount the host's root and set --path.rootfs"});
  for (const ReadError& error : facts.report.board_errors)
    out.push_back({"board-unreadable", Severity::warning, "", error.where,
                   "the board is not known without it", "tegrascope read"});
  find_gpu(facts, out);
  find_clocks(facts, out);
  find_sensors(facts, out);
  find_tegrastats(facts, out);
}

void find_in_memory(const DoctorFacts& facts, std::vector<Finding>& out) {
  std::vector<ServerState> states;
  for (const ServerFacts& server : facts.servers) states.push_back(server.state);
  const auto room = memory_headroom(sensor_readings(facts.report), states);
  if (!room) return;
  std::string what =
      fmt::format("{:.1f} of {:.1f} GiB are available; {:.1f} GiB more fit beside what runs",
                  gib(static_cast<double>(room->available_bytes)),
                  gib(static_cast<double>(room->total_bytes)), gib(static_cast<double>(room->fits_bytes)));
  if (room->fits_unloaded_bytes && !room->models.empty())
    what += fmt::format(", {:.1f} GiB without the loaded models",
                        gib(static_cast<double>(*room->fits_unloaded_bytes)));
  const bool none = room->fits_bytes == 0;
  out.push_back(
      {"memory-headroom", none ? Severity::warning : Severity::note, "", what,
       none ? "the next model, or a longer context, goes to the CPU, to the swap, or is killed" : "",
       none ? "sudo sysctl vm.drop_caches=3  # if it stays: ollama stop MODEL, no desktop (systemctl isolate "
              "multi-user.target)"
            : ""});
  if (room->fragmented)
    out.push_back({"memory-fragmented", Severity::warning, "",
                   fmt::format("the largest free block is {:.0f} KiB",
                               static_cast<double>(room->largest_free_block_bytes.value_or(0)) / 1024),
                   "the GPU's driver may fail to allocate (NvMap error 12) although the bytes are there",
                   "sudo sysctl vm.compact_memory=1"});
}

}  // namespace tegrascope
