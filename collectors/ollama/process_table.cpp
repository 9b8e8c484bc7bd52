#include "collectors/ollama/process_table.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

std::optional<std::int64_t> parse_pid(const std::string& name) {
  std::int64_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc{} || end != name.data() + name.size() || pid <= 0) return std::nullopt;
  return pid;
}

std::vector<std::int64_t> list_pids(const fs::path& procfs) {
  std::vector<std::int64_t> pids;
  for (const std::string& name : list_directory(procfs)) {
    if (const auto pid = parse_pid(name)) pids.push_back(*pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

// The NUL-separated strings of cmdline or environ. Absent: not readable.
std::optional<Arguments> read_strings(const fs::path& path) {
  std::string buffer;
  const auto text = SysfsFile(path).read_text(buffer);
  if (!text) return std::nullopt;
  Arguments strings;
  for_each_part(*text, '\0', [&](std::string_view s) { strings.emplace_back(s); });
  if (strings.back().empty()) strings.pop_back();  // after the last NUL
  return strings;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::optional<std::string_view> value_of(const Arguments& arguments, std::string_view name) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == name && i + 1 < arguments.size()) return arguments[i + 1];
    if (argument.starts_with(name) && argument.substr(name.size()).starts_with('=')) {
      return argument.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::uint16_t> port_of(const Arguments& arguments, std::string_view name) {
  const auto value = value_of(arguments, name);
  if (!value) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), port);
  if (error != std::errc{} || end != value->data() + value->size() || port == 0) return std::nullopt;
  return port;
}

// `ollama start` is another spelling of `ollama serve` (cmd/cmd.go).
bool is_serve(const Arguments& a) {
  return a.size() >= 2 && base_name(a[0]) == "ollama" && (a[1] == "serve" || a[1] == "start");
}

bool is_runner(const Arguments& a) {
  const std::string_view name = a.empty() ? std::string_view{} : base_name(a[0]);
  return name == "llama-server" || name == "ollama_llama_server" ||
         (name == "ollama" && a.size() >= 2 && a[1] == "runner");
}

std::optional<PublishedPort> parse_proxy(const Arguments& a) {
  if (a.empty() || base_name(a[0]) != "docker-proxy" || value_of(a, "-proto").value_or("tcp") != "tcp") {
    return std::nullopt;
  }
  const auto host_port = port_of(a, "-host-port");
  const auto container_port = port_of(a, "-container-port");
  if (!host_port || !container_port) return std::nullopt;
  return PublishedPort{std::string{value_of(a, "-host-ip").value_or("0.0.0.0")}, *host_port,
                       std::string{value_of(a, "-container-ip").value_or("")}, *container_port};
}

ServeProcess read_serve(std::int64_t pid, const fs::path& directory) {
  ServeProcess serve;
  serve.pid = pid;
  {
    const WatchedRead watched(directory);
    struct stat status {};
    if (!watched.refused() && ::stat(directory.c_str(), &status) == 0) serve.uid = status.st_uid;
  }
  const auto environment = read_strings(directory / "environ");
  if (!environment) return serve;
  serve.environment_readable = true;
  constexpr std::string_view name = "OLLAMA_HOST=";
  for (const std::string& variable : *environment) {
    if (variable.starts_with(name)) serve.ollama_host = variable.substr(name.size());
  }
  return serve;
}

}  // namespace

ProcessTable read_process_table(const fs::path& procfs) {
  ProcessTable table;
  for (const std::int64_t pid : list_pids(procfs)) {
    const fs::path directory = procfs / std::to_string(pid);
    const auto arguments = read_strings(directory / "cmdline");
    if (!arguments) continue;
    if (is_serve(*arguments)) {
      table.serves.push_back(read_serve(pid, directory));
    } else if (is_runner(*arguments)) {
      if (const auto port = port_of(*arguments, "--port")) table.runner_ports.insert(*port);
    } else if (auto proxy = parse_proxy(*arguments)) {
      table.published.push_back(std::move(*proxy));
    }
  }
  return table;
}

}  // namespace tegrascope
