#include "tests/contract/contract_fixture.hpp"

#include <cstdlib>
#include <stdexcept>

#include "collectors/ollama/http_head.hpp"

namespace tegrascope::test {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint16_t port_at_end(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  return text.empty()
             ? std::uint16_t{0}
             : static_cast<std::uint16_t>(std::stoi(text.substr(colon == std::string::npos ? 0 : colon + 1)));
}

// The payload of a chunked body.
std::string read_chunks(TcpPeer& peer) {
  std::string payload;
  while (true) {
    const std::string line = peer.read_until("\r\n");
    const std::size_t size = std::stoul(line, nullptr, 16);
    const std::string data = peer.read_exactly(size + 2);
    if (size == 0) return payload;
    payload += data.substr(0, size);
  }
}

}  // namespace

Contract::Contract()
    : upstream_(port_at_end(environment("TEGRASCOPE_CONTRACT_UPSTREAM"))),
      foreign_port_(port_at_end(environment("TEGRASCOPE_CONTRACT_PROXY"))) {
  if (foreign_port_ == 0) start({});
}

bool Contract::is_foreign() { return !environment("TEGRASCOPE_CONTRACT_PROXY").empty(); }

void Contract::start(RelayOptions options) {
  relay_.reset();
  options.listen_addresses = {"127.0.0.1:0"};
  options.upstream_port = upstream_.port();
  options.server_name = "upstream";
  if (!options.rules.hosts.check) options.rules.hosts = make_host_policy({}, options.upstream_host, "jetson");
  relay_ = std::make_unique<Relay>(std::move(options), ids_, [](RequestEvent&&) {});
  relay_->start();
}

WireRequest read_request(TcpPeer& peer) {
  WireRequest request;
  request.head = peer.read_until("\r\n\r\n");
  const auto checked = check_request_head(request.head);
  const auto* head = std::get_if<RequestHead>(&checked);
  if (head == nullptr) throw std::runtime_error("no request: " + request.head);
  request.body = read_request_body(peer, *head);
  return request;
}

std::string read_request_body(TcpPeer& peer, const RequestHead& head) {
  if (head.framing == Framing::chunked) return read_chunks(peer);
  return head.framing == Framing::length ? peer.read_exactly(head.content_length) : std::string();
}

WireAnswer read_answer(TcpPeer& peer, bool to_head) {
  WireAnswer answer;
  try {
    answer.head = peer.read_until("\r\n\r\n");
    const auto head = read_response_head(answer.head, to_head);
    if (!head) return answer;
    answer.status = head->status;
    if (head->framing == Framing::length) answer.payload = peer.read_exactly(head->content_length);
    if (head->framing == Framing::chunked) answer.payload = read_chunks(peer);
    if (head->framing == Framing::until_close) answer.payload = peer.read_to_end();
    answer.complete = true;
  } catch (const std::exception&) {  // it ended, or its framing is no framing
  }
  return answer;
}

Serving::Serving(ScriptedUpstream& upstream, std::function<void(TcpPeer&)> serve) {
  accepting_ = std::thread([this, &upstream, serve = std::move(serve)] {
    while (!stop_) {
      if (!upstream.has_connection_now()) {
        pause_a_millisecond();
        continue;
      }
      ++connections_;
      auto peer = std::make_shared<TcpPeer>(upstream.accept());
      threads_.emplace_back([peer, serve] {
        try {
          serve(*peer);
        } catch (const std::runtime_error&) {
        }
        peer->close();
      });
    }
  });
}

Serving::~Serving() {
  stop_ = true;
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace tegrascope::test
