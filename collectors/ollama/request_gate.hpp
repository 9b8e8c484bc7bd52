// Decides which bytes of a client may go on to Ollama: only whole, checked heads and bodies in order. Pure;
// keeps no bytes, only where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/http_body.hpp"
#include "collectors/ollama/http_head.hpp"

namespace tegrascope {

class RequestGate {
 public:
  // `allowed_hosts` as in host_allowed(); must outlive the gate.
  explicit RequestGate(const std::vector<std::string>& allowed_hosts) : allowed_hosts_(allowed_hosts) {}

  struct Decision {
    std::size_t pass = 0;            // bytes from the front that may be forwarded
    std::optional<Refusal> refusal;  // what follows must not be; the gate is shut from now on
    bool inside_message = false;     // the refusal concerns a message whose first part has passed
  };
  // `bytes`: everything that has not passed yet, i.e. the rest of the last call (an incomplete head) and what
  // came since.
  Decision examine(std::string_view bytes);

  // Between two messages: nothing of the next one has passed.
  bool between_messages() const { return body_.done(); }

  // Of the last head that passed; for the form of an error answer.
  const std::string& last_method() const { return last_method_; }
  const std::string& last_target() const { return last_target_; }

 private:
  const std::vector<std::string>& allowed_hosts_;
  BodyTracker body_;
  std::size_t scanned_ = 0;  // bytes of the incomplete head that were searched for its end
  std::string last_method_;
  std::string last_target_;
};

}  // namespace tegrascope
