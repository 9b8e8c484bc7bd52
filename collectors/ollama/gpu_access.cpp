#include "collectors/ollama/gpu_access.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "collectors/jetson/board.hpp"
#include "collectors/ollama/device_nodes.hpp"
#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kShortIdDigits = 12;

// The first run of 64 hexadecimal digits.
std::string container_id_in(std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    run = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? run + 1 : 0;
    if (run == kIdDigits) return std::string(text.substr(i + 1 - kIdDigits, kShortIdDigits));
  }
  return {};
}

bool names_container(std::string_view cgroup) {
  for (const std::string_view mark :
       {"/docker/", "docker-", "libpod-", "cri-containerd-", "kubepods", "/lxc"})
    if (cgroup.find(mark) != std::string_view::npos) return true;
  return false;
}

struct Mounts {
  bool root_is_overlay = false;
  bool any_of_nvidia = false;  // the NVIDIA runtime mounts the driver's libraries
};

// Fields of mountinfo: id, parent, device, root, mount point, options, ... - type, source, options.
std::optional<Mounts> read_mounts(const fs::path& process) {
  const auto text = read_whole(process / "mountinfo");
  if (!text || text->empty()) return std::nullopt;
  Mounts mounts;
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.size() < 10) return;
    const std::string_view point = fields[4];
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (point == "/" && fields.end() - dash > 1 && *(dash + 1) == "overlay") mounts.root_is_overlay = true;
    for (const std::string_view mark : {"nvidia", "libcuda", "/tegra", "nvmap"})
      if (point.find(mark) != std::string_view::npos) mounts.any_of_nvidia = true;
  });
  return mounts;
}

// NAME=value of environ; absent where it may not be read.
class Environment {
 public:
  explicit Environment(const fs::path& process) : text_(read_whole(process / "environ")) {}
  bool readable() const { return text_.has_value() && !text_->empty(); }
  std::optional<std::string> value(std::string_view name) const {
    std::optional<std::string> found;
    for_each_part(*text_, '\0', [&](std::string_view variable) {
      if (variable.starts_with(name) && variable.substr(name.size()).starts_with('='))
        found = variable.substr(name.size() + 1);
    });
    return found;
  }

 private:
  std::optional<std::string> text_;
};

std::string forced_cpu_by(const Environment& environment) {
  if (const auto devices = environment.value("CUDA_VISIBLE_DEVICES");
      devices && (devices->empty() || devices->starts_with('-')))
    return "CUDA_VISIBLE_DEVICES=" + *devices;
  if (const auto library = environment.value("OLLAMA_LLM_LIBRARY"); library && library->starts_with("cpu"))
    return "OLLAMA_LLM_LIBRARY=" + *library;
  if (const auto igpu = environment.value("OLLAMA_IGPU_ENABLE");
      igpu && (*igpu == "0" || lower(*igpu) == "false"))
    return "OLLAMA_IGPU_ENABLE=" + *igpu;
  return {};
}

std::vector<std::string> arguments_of(const fs::path& process) {
  std::vector<std::string> arguments;
  const auto text = read_whole(process / "cmdline");
  if (text) for_each_part(*text, '\0', [&](std::string_view part) { arguments.emplace_back(part); });
  return arguments;
}

bool has_driver_library(const fs::path& root) {
  constexpr std::array kFolders{"usr/lib/aarch64-linux-gnu/nvidia",
                                "usr/lib/aarch64-linux-gnu/tegra",
                                "usr/lib/aarch64-linux-gnu",
                                "usr/lib/x86_64-linux-gnu",
                                "usr/lib/x86_64-linux-gnu/nvidia/current",
                                "usr/lib64",
                                "usr/lib",
                                "usr/local/nvidia/lib64",
                                "usr/local/cuda/compat",
                                "usr/lib/wsl/lib"};
  return std::any_of(kFolders.begin(), kFolders.end(), [&](const char* folder) {
    return is_present(root / folder / "libcuda.so.1") || is_present(root / folder / "libcuda.so.1.1");
  });
}

// Absent: Ollama's folder is not found, or its CUDA code is packed into its program (before 0.5.8).
std::optional<std::vector<std::string>> find_backends(const fs::path& root, const std::string& program) {
  std::set<std::string> candidates{"usr/local/lib/ollama", "usr/lib/ollama"};
  if (program.starts_with('/'))
    candidates.insert(
        (fs::path(program).relative_path().parent_path().parent_path() / "lib/ollama").string());
  std::optional<std::set<std::string>> found;
  for (const std::string& candidate : candidates) {
    const auto names = list_directory(root / candidate);
    for (const std::string& name : names) {
      if (!found) found.emplace();
      if (name.starts_with("libggml-cuda")) found->insert("cuda");
      if (name.starts_with("libcublas") || name.starts_with("libcudart")) found->insert("packed");
      if (name.starts_with("cuda")) found->insert(name);
    }
    for (const std::string& name : list_directory(root / candidate / "runners"))
      if (name.starts_with("cuda")) found->insert(name);
  }
  if (!found || *found == std::set<std::string>{"packed"}) return std::nullopt;
  found->erase("packed");
  return std::vector<std::string>(found->begin(), found->end());
}

std::optional<ServeAccess> read_serve(std::int64_t pid, const HostPaths& paths) {
  const fs::path process = paths.procfs / std::to_string(pid);
  const std::vector<std::string> arguments = arguments_of(process);
  if (arguments.empty()) return std::nullopt;
  ServeAccess access;
  access.serve_pid = pid;
  const std::string cgroup = read_once(process / "cgroup");
  const auto mounts = read_mounts(process);
  access.container_id = container_id_in(cgroup);
  access.container =
      !access.container_id.empty() || names_container(cgroup) || (mounts && mounts->root_is_overlay);

  const bool jetson = is_jetson(paths);
  const fs::path root = access.container ? process / "root" : paths.rootfs;
  const bool root_readable = !list_directory(root).empty();
  if (root_readable && !list_directory(root / "dev").empty()) {
    access.devices_missing = missing_device_nodes(root / "dev", jetson);
    access.devices_denied = denied_device_nodes(root / "dev", read_whole(process / "status").value_or(""));
  } else if (access.container && mounts && !mounts->any_of_nvidia) {
    access.devices_missing = "mount of the NVIDIA runtime";
  }
  if (root_readable) {
    // A tree without any library is a part of a file system.
    if (is_present(root / "usr/lib")) access.driver_library = has_driver_library(root);
    access.backends = find_backends(root, arguments.front());
  }
  const Environment environment(process);
  if (environment.readable()) access.forced_cpu = forced_cpu_by(environment);
  const bool has_release = root_readable && is_present(root / "etc/nv_tegra_release");
  if (has_release) {
    access.jetpack_told = true;
  } else if (root_readable && environment.readable()) {
    access.jetpack_told = environment.value("JETSON_JETPACK").has_value();
  }
  return access;
}

// The folder of the last path that ends with a name that begins so.
std::string folder_of(std::string_view maps, std::string_view name) {
  const auto at = maps.find("/" + std::string(name));
  if (at == std::string_view::npos) return {};
  const std::string_view before = maps.substr(0, at);
  return std::string(before.substr(before.rfind('/') + 1));
}

std::optional<RunnerAccess> read_runner(const ProcessId& id, const HostPaths& paths) {
  const fs::path process = paths.procfs / std::to_string(id.pid);
  const std::vector<std::string> arguments = arguments_of(process);
  if (arguments.empty()) return std::nullopt;
  RunnerAccess access;
  access.id = id;
  const std::string variant = fs::path(arguments.front()).parent_path().filename().string();
  const bool built_for_one = fs::path(arguments.front()).filename() == "ollama_llama_server";
  if (built_for_one && variant.starts_with("cuda")) access.backend = variant;
  if (built_for_one && variant.starts_with("cpu")) access.cuda_mapped = false;
  const auto maps = read_whole(process / "maps");
  if (maps && !maps->empty()) {
    access.cuda_mapped =
        maps->find("libggml-cuda") != std::string::npos || maps->find("libcuda.so") != std::string::npos;
    const std::string folder = folder_of(*maps, "libggml-cuda");
    if (!folder.empty()) access.backend = folder;
  } else if (const auto mode = std::find(arguments.begin(), arguments.end(), "--load-mode");
             mode != arguments.end() && std::next(mode) != arguments.end() && *std::next(mode) == "dio") {
    access.cuda_mapped = true;
  }
  return access;
}

}  // namespace

GpuAccess read_gpu_access(const std::vector<std::int64_t>& serves, const std::vector<ProcessId>& runners,
                          const HostPaths& paths) {
  GpuAccess access;
  for (const std::int64_t pid : serves)
    if (auto serve = read_serve(pid, paths)) access.serves.push_back(*std::move(serve));
  for (const ProcessId& id : runners)
    if (auto runner = read_runner(id, paths)) access.runners.push_back(*std::move(runner));
  return access;
}

}  // namespace tegrascope
