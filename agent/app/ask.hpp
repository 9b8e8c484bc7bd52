// Waiting for answers of an Ollama server, for commands that have nothing else to do. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "agent/model/ollama.hpp"
#include "collectors/ollama/outbound.hpp"

namespace tegrascope {

class Ask {
 public:
  // `patience`: for a whole answer of post().
  explicit Ask(std::string base_url, std::chrono::milliseconds patience = std::chrono::seconds(5));

  HttpAnswer get(const std::string& path);
  // Calls `meanwhile` every few milliseconds until the answer is there.
  HttpAnswer post(const std::string& path, const std::string& body,
                  const std::function<void()>& meanwhile = {});

  // /api/version and /api/ps, as the agent's poll reads them; what is installed when `with_installed`. Not up: why.
  ServerState state(const OllamaServer& server, bool with_installed = false);

 private:
  std::string base_url_;
  Outbound quick_;
  Outbound patient_;
};

}  // namespace tegrascope
