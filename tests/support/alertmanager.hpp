// A real Alertmanager with a given configuration on a free port, and a web-hook receiver that keeps what comes.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace tegrascope::test {

// Answers every POST with 200.
class WebHook {
 public:
  struct Notice {
    std::chrono::steady_clock::time_point at;
    nlohmann::json body;  // Alertmanager's web-hook message, version 4
  };

  WebHook();
  ~WebHook();
  WebHook(const WebHook&) = delete;
  WebHook& operator=(const WebHook&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()) + "/"; }
  std::vector<Notice> notices() const;
  // The first alert of that name and status (firing, resolved) that came, with the time of its message; null: none.
  nlohmann::json first(const std::string& alert, const std::string& status,
                       std::chrono::steady_clock::time_point* at = nullptr) const;

 private:
  void serve();
  void take(TcpPeer peer);

  ScriptedUpstream listener_;
  mutable std::mutex mutex_;
  std::vector<Notice> notices_;
  bool stopping_ = false;
  std::thread thread_;
};

class AlertmanagerServer {
 public:
  // Throws std::runtime_error with its log when it does not get ready.
  AlertmanagerServer(const std::string& program, const std::string& config,
                     const std::filesystem::path& directory);

  const std::string& address() const { return address_; }
  // GET /api/v2/alerts: all of them, inhibited ones too.
  nlohmann::json alerts() const;
  // POST /api/v2/alerts.
  void post(const nlohmann::json& alerts) const;

 private:
  std::string address_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace tegrascope::test
