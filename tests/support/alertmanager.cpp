#include "tests/support/alertmanager.hpp"

#include <fstream>
#include <stdexcept>

#include "tests/support/free_port.hpp"
#include "tests/support/http.hpp"

namespace tegrascope::test {

using namespace std::chrono_literals;

WebHook::WebHook() : thread_([this] { serve(); }) {}

WebHook::~WebHook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void WebHook::serve() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (listener_.has_connection_now()) {
      try {
        take(listener_.accept());
      } catch (const std::runtime_error&) {
        // A sender that broke off sends again.
      }
    }
    pause_a_millisecond();
  }
}

void WebHook::take(TcpPeer peer) {
  const std::string head = peer.read_until("\r\n\r\n");
  const std::size_t length = head.find("Content-Length: ");
  const std::string body =
      length == std::string::npos ? "" : peer.read_exactly(std::stoul(head.substr(length + 16)));
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const std::lock_guard lock(mutex_);
  notices_.push_back({std::chrono::steady_clock::now(), nlohmann::json::parse(body, nullptr, false)});
}

std::vector<WebHook::Notice> WebHook::notices() const {
  const std::lock_guard lock(mutex_);
  return notices_;
}

nlohmann::json WebHook::first(const std::string& alert, const std::string& status,
                              std::chrono::steady_clock::time_point* at) const {
  for (const Notice& notice : notices()) {
    for (const auto& one : notice.body["alerts"]) {
      if (one["labels"]["alertname"] != alert || one["status"] != status) continue;
      if (at != nullptr) *at = notice.at;
      return one;
    }
  }
  return nullptr;
}

namespace {

namespace fs = std::filesystem;

// Debian's program has the folder of its templates built in. Unpacked elsewhere it needs them at that place all the
// same: a copy looks for them in its working directory instead. The command that starts the program.
std::vector<std::string> startable(const std::string& program, const fs::path& directory) {
  const std::string built_in = "/usr/share/prometheus/alertmanager";
  if (fs::exists(built_in + "/default.tmpl")) return {program};
  const fs::path templates = fs::path(program).parent_path().parent_path() / "share/prometheus/alertmanager";
  if (!fs::exists(templates / "default.tmpl")) return {program};
  std::string here;
  while (here.size() < built_in.size()) here += "./";
  std::string bytes = read_file(program);
  for (std::size_t at = bytes.find(built_in); at != std::string::npos; at = bytes.find(built_in, at))
    bytes.replace(at, here.size(), here);
  const fs::path copy = directory / "alertmanager";
  std::ofstream(copy, std::ios::binary) << bytes;
  fs::permissions(copy, fs::perms::owner_all);
  return {"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", templates.string(), copy.string()};
}

}  // namespace

AlertmanagerServer::AlertmanagerServer(const std::string& program, const std::string& config,
                                       const std::filesystem::path& directory)
    : address_("127.0.0.1:" + free_port()) {
  std::filesystem::create_directories(directory);
  const std::string file = (directory / "alertmanager.yml").string();
  std::ofstream(file) << config;
  std::vector<std::string> command = startable(program, directory);
  for (const std::string& flag :
       {"--config.file=" + file, "--storage.path=" + (directory / "data").string(),
        "--web.listen-address=" + address_, std::string("--cluster.listen-address=")})
    command.push_back(flag);
  process_ = std::make_unique<ChildProcess>(command, directory);
  if (!wait_until(20s, [&] { return http_get("http://" + address_ + "/-/ready").status == 200; }))
    throw std::runtime_error("Alertmanager did not get ready: " + process_->errors());
}

nlohmann::json AlertmanagerServer::alerts() const {
  return nlohmann::json::parse(http_get("http://" + address_ + "/api/v2/alerts").body);
}

void AlertmanagerServer::post(const nlohmann::json& alerts) const {
  const TestAnswer answer = http_post("http://" + address_ + "/api/v2/alerts", alerts.dump());
  if (answer.status != 200)
    throw std::runtime_error("Alertmanager refuses alerts: " + answer.body + answer.error);
}

}  // namespace tegrascope::test
