#include "simulator/process_tree.hpp"

#include <fmt/format.h>

#include <fstream>

namespace tegrascope::simulator {
namespace {

namespace fs = std::filesystem;

constexpr int kOllamaUid = 997;
constexpr std::uint16_t kContainerPort = 11434;
constexpr std::string_view kContainerId = "5f0c6d1be7a94c30b1f2a7d86c1e94f7033d2f8b6a5510c9e47d1ab2c3f49e86";
constexpr std::string_view kHostNetwork = "net:[4026531840]";
constexpr std::string_view kContainerNetwork = "net:[4026532601]";

std::string nul_separated(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + '\0';
  return text;
}

void write_once(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

// A listening socket as /proc/PID/net/tcp shows it; the address is in host byte order of a little-endian
// machine.
std::string tcp_row(int row, std::string_view address, std::uint16_t port, int uid, int inode) {
  return fmt::format(
      "{:4}: {}:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {:5}        0 {} 1 "
      "0000000000000000 100 0 0 10 0                     \n",
      row, address, port, uid, inode);
}

int inode_of(std::uint16_t port) { return 20000 + port; }

std::string tcp_table(const std::string& rows) {
  return "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
         "                                                     \n" +
         rows;
}

constexpr std::string_view kLoopback = "0100007F";
constexpr std::string_view kAnyAddress = "00000000";

std::string cgroup_of(bool in_container) {
  if (in_container) return fmt::format("0::/system.slice/docker-{}.scope\n", kContainerId);
  return "0::/system.slice/ollama.service\n";
}

}  // namespace

ProcessTree::Folder::Folder(const fs::path& path, const ProcessFigures& figures)
    : stat(path / "stat", pid_stat_text(figures)),
      statm(path / "statm", pid_statm_text(figures)),
      status(path / "status", pid_status_text(figures)) {}

void ProcessTree::Folder::write(const ProcessFigures& figures) {
  stat.write(pid_stat_text(figures));
  statm.write(pid_statm_text(figures));
  status.write(pid_status_text(figures));
}

ProcessTree::ProcessTree(fs::path procfs, const ProcessTreeOptions& options, const BoardState& state)
    : procfs_(std::move(procfs)), options_(options) {
  fs::create_directories(procfs_);
  const std::string rows = tcp_row(0, options.container ? kAnyAddress : kLoopback, options.ollama_port,
                                   options.container ? 0 : kOllamaUid, inode_of(options.ollama_port));
  write_once(procfs_ / "net" / "tcp", tcp_table(rows));
  write_once(procfs_ / "net" / "tcp6", tcp_table(""));

  Process init;
  init.figures = {kInit, 0, "systemd", 'S', 4.2, 6.1, 1, 2, 171'000'000, 12'400'000, 4'900'000, 0};
  init.argv = {"/sbin/init"};
  init.executable = "/usr/lib/systemd/systemd";
  init.cgroup = "0::/init.scope\n";
  add(init);

  Process camera;
  camera.figures = {kUnrelated, 1, "python3", 'S', 0, 0, 4, 1204, 412'000'000, 61'000'000, 44'000'000, 1000};
  camera.argv = {"/usr/bin/python3", "/opt/camera/capture.py", "--device", "/dev/video0"};
  camera.environment = {"HOME=/home/jetson", "LANG=C.UTF-8"};
  camera.executable = "/usr/bin/python3.10";
  camera.cgroup = "0::/system.slice/camera.service\n";
  unrelated_ = camera.figures;
  add(camera);

  if (options.container) {
    Process proxy;
    proxy.figures = {kDockerProxy,  1,         "docker-proxy", 'S', 0.1, 0.2, 8, 2440,
                     1'250'000'000, 4'100'000, 1'900'000,      0};
    proxy.argv = {"/usr/bin/docker-proxy",
                  "-proto",
                  "tcp",
                  "-host-ip",
                  "0.0.0.0",
                  "-host-port",
                  std::to_string(options.ollama_port),
                  "-container-ip",
                  "172.17.0.2",
                  "-container-port",
                  std::to_string(kContainerPort)};
    proxy.executable = "/usr/bin/docker-proxy";
    proxy.cgroup = "0::/system.slice/docker.service\n";
    proxy.listens_on = options.ollama_port;
    add(proxy);
  }
  const Process serve = serve_process();
  serve_ = serve.figures;
  add(serve);
  update(state);
}

ProcessTree::Process ProcessTree::serve_process() const {
  Process serve;
  serve.figures = {kServe, 1,    "ollama",      'S',        0,          0,
                   14,     2511, 2'300'000'000, 52'000'000, 21'000'000, options_.container ? 0 : kOllamaUid};
  serve.argv = {options_.container ? "/bin/ollama" : "/usr/local/bin/ollama", "serve"};
  serve.environment = {options_.container ? "OLLAMA_HOST=0.0.0.0:11434"
                                          : fmt::format("OLLAMA_HOST=127.0.0.1:{}", options_.ollama_port),
                       "OLLAMA_KEEP_ALIVE=5m",
                       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  serve.executable = serve.argv.front();
  serve.cgroup = cgroup_of(options_.container);
  serve.in_container = options_.container;
  serve.listens_on = options_.container ? kContainerPort : options_.ollama_port;
  return serve;
}

ProcessTree::Process ProcessTree::runner_process(const RunnerState& runner) const {
  const std::string home = options_.container ? "/root/.ollama" : "/usr/share/ollama/.ollama";
  const std::string model = home + "/models/blobs/sha256-" + blob_digest(runner.model);
  const bool on_gpu = runner.placement != Placement::cpu;
  Process process;
  process.figures.pid = runner.pid;
  process.figures.parent = kServe;
  process.figures.start_ticks = runner.start_ticks;
  process.figures.uid = options_.container ? 0 : kOllamaUid;
  if (runner.kind == RunnerKind::llama_server) {
    process.figures.comm = "llama-server";
    process.argv = {"/usr/local/lib/ollama/llama-server",
                    "--model",
                    model,
                    "--port",
                    std::to_string(runner.port),
                    "--host",
                    "127.0.0.1",
                    "--no-webui",
                    "--offline",
                    "-c",
                    "4096",
                    "-np",
                    "1",
                    "--log-verbosity",
                    "4",
                    "--no-log-prefix",
                    "--no-log-timestamps"};
    if (on_gpu) process.argv.insert(process.argv.end(), {"--load-mode", "dio"});
    process.argv.insert(process.argv.end(), {"--flash-attn", "auto", "-b", "512", "-ub", "512"});
    if (runner.placement == Placement::partial) {
      const int layers = static_cast<int>(runner.gpu_fraction * runner.model.layers + 0.5);
      process.argv.insert(process.argv.end(), {"-ngl", std::to_string(layers)});
    }
  } else {
    process.figures.comm = "ollama";
    process.argv = {"/usr/local/bin/ollama",    "runner", "--ollama-engine", "--model", model, "--port",
                    std::to_string(runner.port)};
  }
  process.executable = process.argv.front();
  process.environment = serve_process().environment;
  process.maps =
      "aaaad2c30000-aaaad2d10000 r-xp 00000000 b3:01 131842                 " + process.executable + "\n";
  if (on_gpu) {
    process.environment.emplace_back("GGML_BACKEND_PATH=/usr/local/lib/ollama/cuda_jetpack6/libggml-cuda.so");
    process.environment.emplace_back(
        "LD_LIBRARY_PATH=/usr/local/lib/ollama/cuda_jetpack6:/usr/local/lib/ollama");
    process.maps +=
        "ffff70000000-ffff74000000 r-xp 00000000 b3:01 140211                 "
        "/usr/local/lib/ollama/cuda_jetpack6/libggml-cuda.so\n"
        "ffff78000000-ffff79400000 r-xp 00000000 b3:01 9183                   "
        "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1\n";
  } else {
    process.maps +=
        "ffff70000000-ffff70100000 r-xp 00000000 b3:01 140198                 "
        "/usr/local/lib/ollama/libggml-cpu-armv8.2_2.so\n";
  }
  process.cgroup = cgroup_of(options_.container);
  process.in_container = options_.container;
  process.listens_on = runner.port;
  return process;
}

ProcessFigures ProcessTree::runner_figures(const RunnerState& runner, const BoardState& state) const {
  ProcessFigures figures = runner_process(runner).figures;
  figures.user_seconds = runner.user_seconds;
  figures.system_seconds = runner.system_seconds;
  figures.threads = runner.placement == Placement::gpu ? 12 : 17;
  figures.resident_bytes = runner.resident_bytes;
  figures.anonymous_bytes = state.anonymous_bytes;
  figures.virtual_bytes = runner.resident_bytes + 9'000'000'000;
  return figures;
}

void ProcessTree::add(const Process& process) {
  const std::int64_t pid = process.figures.pid;
  // Filled under a name that no reader of /proc looks at, then moved into place.
  const fs::path hidden = procfs_ / fmt::format(".new-{}", pid);
  fs::create_directories(hidden);
  write_once(hidden / "comm", process.figures.comm + "\n");
  write_once(hidden / "cmdline", nul_separated(process.argv));
  write_once(hidden / "environ", nul_separated(process.environment));
  write_once(hidden / "cgroup", process.cgroup);
  write_once(hidden / "maps", process.maps);
  std::string rows;
  if (process.in_container) {
    rows = tcp_row(0, kAnyAddress, kContainerPort, 0, inode_of(kContainerPort));
  } else {
    rows = tcp_row(0, options_.container ? kAnyAddress : kLoopback, options_.ollama_port,
                   options_.container ? 0 : kOllamaUid, inode_of(options_.ollama_port));
  }
  if (process.listens_on && *process.listens_on != options_.ollama_port &&
      *process.listens_on != kContainerPort)
    rows += tcp_row(1, kLoopback, *process.listens_on, process.figures.uid, inode_of(*process.listens_on));
  write_once(hidden / "net" / "tcp", tcp_table(rows));
  write_once(hidden / "net" / "tcp6", tcp_table(""));
  fs::create_directories(hidden / "ns");
  fs::create_symlink(process.in_container ? kContainerNetwork : kHostNetwork, hidden / "ns" / "net");
  fs::create_directories(hidden / "fd");
  fs::create_symlink("/dev/null", hidden / "fd" / "0");
  if (process.listens_on)
    fs::create_symlink(fmt::format("socket:[{}]", inode_of(*process.listens_on)), hidden / "fd" / "3");
  fs::create_symlink(process.executable, hidden / "exe");
  auto folder = std::make_unique<Folder>(hidden, process.figures);
  fs::rename(hidden, procfs_ / std::to_string(pid));
  folders_[pid] = std::move(folder);
}

void ProcessTree::remove(std::int64_t pid) {
  folders_.erase(pid);
  const fs::path hidden = procfs_ / fmt::format(".old-{}", pid);
  fs::rename(procfs_ / std::to_string(pid), hidden);
  fs::remove_all(hidden);
}

void ProcessTree::update_serve(const BoardState& state) {
  serve_.user_seconds = state.serve_seconds * 0.7;
  serve_.system_seconds = state.serve_seconds * 0.3;
  folders_.at(kServe)->write(serve_);
  unrelated_.user_seconds = state.background_seconds * 0.7;
  unrelated_.system_seconds = state.background_seconds * 0.3;
  folders_.at(kUnrelated)->write(unrelated_);
}

void ProcessTree::update_runner(const RunnerState& runner, const BoardState& state) {
  const ProcessFigures figures = runner_figures(runner, state);
  if (runner_pid_ != runner.pid) {
    Process process = runner_process(runner);
    process.figures = figures;
    add(process);
    runner_pid_ = runner.pid;
    return;
  }
  folders_.at(runner.pid)->write(figures);
}

void ProcessTree::update(const BoardState& state) {
  update_serve(state);
  if (runner_pid_ != 0 && (!state.runner || state.runner->pid != runner_pid_)) {
    remove(runner_pid_);
    runner_pid_ = 0;
  }
  if (state.runner) update_runner(*state.runner, state);
}

}  // namespace tegrascope::simulator
