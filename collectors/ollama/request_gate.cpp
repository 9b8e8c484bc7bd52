#include "collectors/ollama/request_gate.hpp"

#include <utility>
#include <variant>

#include "collectors/ollama/guard.hpp"

namespace tegrascope {

RequestGate::Decision RequestGate::examine(std::string_view bytes) {
  Decision decision;
  std::optional<std::size_t> message;  // where the message begins whose head came with these bytes
  std::vector<HostField> hosts;        // to be rewritten
  while (decision.pass < bytes.size()) {
    const std::string_view rest = bytes.substr(decision.pass);
    if (!body_.done()) {
      decision.pass += body_.next(rest).consumed;
      if (!body_.bad()) continue;
      decision.refusal = Refusal{400, "bad request: the chunked body is not framed as RFC 9112 says"};
      decision.inside_message = !message;
      decision.pass = message.value_or(decision.pass);
      break;
    }
    std::size_t head_size = 0;
    const std::optional<HostField> host = examine_head(rest, head_size, decision);
    if (head_size == 0) break;
    message = decision.pass;
    if (host && !rules_.rewrite_host_to.empty()) hosts.push_back({*message + host->offset, host->size});
    decision.pass += head_size;
  }
  if (!hosts.empty()) decision.rewritten = rewrite(bytes.substr(0, decision.pass), hosts);
  return decision;
}

std::string RequestGate::rewrite(std::string_view passed, const std::vector<HostField>& hosts) const {
  std::string out;
  std::size_t copied = 0;
  for (const HostField& host : hosts) {
    if (host.offset >= passed.size()) break;
    out.append(passed.substr(copied, host.offset - copied)).append(rules_.rewrite_host_to);
    copied = host.offset + host.size;
  }
  return out.append(passed.substr(copied));
}

std::optional<RequestGate::HostField> RequestGate::examine_head(std::string_view rest, std::size_t& head_size,
                                                                Decision& decision) {
  auto found = find_request_head_end(rest, scanned_);
  if (auto* refusal = std::get_if<Refusal>(&found)) {
    refuse_unread(std::move(*refusal), decision);
    return std::nullopt;
  }
  const auto end = std::get<std::optional<std::size_t>>(found);
  if (!end) {
    scanned_ = rest.size();
    return std::nullopt;
  }
  scanned_ = 0;
  auto checked = check_request_head(rest.substr(0, *end));
  if (auto* refusal = std::get_if<Refusal>(&checked)) {
    refuse_unread(std::move(*refusal), decision);
    return std::nullopt;
  }
  auto& head = std::get<RequestHead>(checked);
  decision.refusal = check_rules(head, decision.reason);
  last_method_ = std::move(head.method);
  last_target_ = std::move(head.target);
  if (decision.refusal) return std::nullopt;
  body_ = BodyTracker(head.framing, head.content_length, Strictness::strict);
  head_size = *end;
  if (head.host_offset == 0) return std::nullopt;
  return HostField{head.host_offset, head.host.size()};
}

void RequestGate::refuse_unread(Refusal refusal, Decision& decision) {
  decision.refusal = std::move(refusal);
  last_method_.clear();
  last_target_.clear();
}

std::optional<Refusal> RequestGate::check_rules(const RequestHead& head, RefusalReason& reason) const {
  // cpp-httplib, on which llama.cpp's server stands, takes such a body for the next request; Go reads it.
  const bool body_of_unusual_method =
      (head.framing == Framing::chunked || head.content_length > 0) &&
      (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS");
  if (body_of_unusual_method && rules_.kind == UpstreamKind::openai) {
    reason = RefusalReason::framing;
    return Refusal{400, "bad request: GET, HEAD and OPTIONS may have no body here"};
  }
  if (!host_allowed(head.host, own_address_, rules_.hosts)) {
    reason = RefusalReason::host;
    return Refusal{
        403, "this Host is not allowed by the tegrascope relay; add the name with --relay.allowed-hosts"};
  }
  if (rules_.guard && !guard_allows(head.method, head.target, rules_.kind)) {
    reason = RefusalReason::guard;
    return Refusal{
        403,
        "the tegrascope relay is in guard mode: only inference and read routes pass; send this one to "
        "the server itself"};
  }
  return std::nullopt;
}

}  // namespace tegrascope
