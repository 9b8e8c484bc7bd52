// Decides which bytes of a client may go on to Ollama: only whole, checked heads and bodies in order. Pure;
// keeps no bytes, only where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/ollama/host_policy.hpp"
#include "collectors/ollama/http_body.hpp"
#include "collectors/ollama/http_head.hpp"

namespace tegrascope {

// What a request must keep besides HTTP itself.
struct GateRules {
  UpstreamKind kind = UpstreamKind::ollama;
  HostPolicy hosts;
  std::string rewrite_host_to;  // Host becomes this on its way; empty: passes as it came
  bool guard = false;           // only what guard_allows()
};

// Why a request did not pass; a label of the relay's counters.
enum class RefusalReason : std::uint8_t { framing, host, guard, slow_head };
inline constexpr std::size_t kRefusalReasons = 4;

class RequestGate {
 public:
  // `rules` must outlive the gate. `own_address` as in host_allowed().
  explicit RequestGate(const GateRules& rules, std::string own_address = {})
      : rules_(rules), own_address_(std::move(own_address)) {}

  struct Decision {
    std::size_t pass = 0;                  // bytes from the front that may be forwarded
    std::optional<std::string> rewritten;  // what to forward in their place, when a Host was rewritten
    std::optional<Refusal> refusal;        // what follows must not pass; the gate is shut from now on
    RefusalReason reason = RefusalReason::framing;
    bool inside_message = false;  // the refusal concerns a message whose first part has passed
  };
  // `bytes`: everything that has not passed yet, i.e. the rest of the last call (an incomplete head) and what
  // came since. A message whose body is seen to be badly framed together with its head does not pass at all.
  Decision examine(std::string_view bytes);

  // Between two messages: nothing of the next one has passed.
  bool between_messages() const { return body_.done(); }

  // Of the last head that could be read, passed or refused; for the form of an error answer.
  const std::string& last_method() const { return last_method_; }
  const std::string& last_target() const { return last_target_; }

 private:
  struct HostField {  // where its value stands in the head
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  // A head at the front of `rest`. `head_size` stays 0 when it is not complete or does not pass.
  std::optional<HostField> examine_head(std::string_view rest, std::size_t& head_size, Decision& decision);
  std::string rewrite(std::string_view passed, const std::vector<HostField>& hosts) const;
  void refuse_unread(Refusal refusal, Decision& decision);
  std::optional<Refusal> check_rules(const RequestHead& head, RefusalReason& reason) const;

  const GateRules& rules_;
  const std::string own_address_;
  BodyTracker body_;
  std::size_t scanned_ = 0;  // bytes of the incomplete head that were searched for its end
  std::string last_method_;
  std::string last_target_;
};

}  // namespace tegrascope
