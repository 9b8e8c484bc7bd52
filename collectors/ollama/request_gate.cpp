#include "collectors/ollama/request_gate.hpp"

#include <utility>
#include <variant>

namespace tegrascope {

RequestGate::Decision RequestGate::examine(std::string_view bytes) {
  Decision decision;
  while (!bytes.empty()) {
    if (!body_.done()) {
      const BodyTracker::Step step = body_.next(bytes);
      decision.pass += step.consumed;
      bytes.remove_prefix(step.consumed);
      if (body_.bad()) {
        decision.refusal = Refusal{400, "bad request: the chunked body is not framed as RFC 9112 says"};
        decision.inside_message = true;
        return decision;
      }
      continue;
    }
    auto found = find_request_head_end(bytes, scanned_);
    if (auto* refusal = std::get_if<Refusal>(&found)) {
      decision.refusal = std::move(*refusal);
      return decision;
    }
    const auto end = std::get<std::optional<std::size_t>>(found);
    if (!end) {
      scanned_ = bytes.size();
      return decision;
    }
    scanned_ = 0;
    auto checked = check_request_head(bytes.substr(0, *end));
    if (auto* refusal = std::get_if<Refusal>(&checked)) {
      decision.refusal = std::move(*refusal);
      return decision;
    }
    auto& head = std::get<RequestHead>(checked);
    if (!host_allowed(head.host, allowed_hosts_)) {
      decision.refusal =
          Refusal{403, "this Host is not allowed by the tegrascope relay; add the name to its allowed hosts"};
      return decision;
    }
    body_ = BodyTracker(head.framing, head.content_length, Strictness::strict);
    last_method_ = std::move(head.method);
    last_target_ = std::move(head.target);
    decision.pass += *end;
    bytes.remove_prefix(*end);
  }
  return decision;
}

}  // namespace tegrascope
