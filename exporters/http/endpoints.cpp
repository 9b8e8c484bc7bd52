#include "exporters/http/endpoints.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <utility>

#include "exporters/http/api.hpp"
#include "exporters/http/event_json.hpp"
#include "exporters/http/gzip.hpp"

namespace tegrascope {
namespace {

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string board_line(const Snapshot& snapshot) {
  if (!snapshot.board || snapshot.board->module.empty()) return "unknown board";
  const BoardIdentity& board = *snapshot.board;
  std::string line = board.module;
  if (!board.l4t.empty()) line += ", L4T " + board.l4t;
  if (!board.jetpack.empty()) line += ", JetPack " + board.jetpack;
  return line;
}

std::string server_line(const ServerState& state) {
  if (!state.up) return "does not answer: " + state.error;
  return state.version.empty() ? "is up" : "is up, version " + state.version;
}

std::string placement_rows(const Snapshot& snapshot) {
  std::string rows;
  for (const ModelView& model : snapshot.models) {
    const std::string_view placement = model.placement ? to_string(*model.placement) : "not judged yet";
    rows += "<tr><td>" + escaped(model.server) + "</td><td>" + escaped(model.model) + "</td><td>" +
            escaped(placement) + "</td></tr>\n";
  }
  return rows;
}

}  // namespace

bool is_own_host(std::string_view host, std::string_view machine_name) {
  if (host.empty()) return true;
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  std::string_view name = host.substr(0, has_port ? colon : host.size());
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  boost::system::error_code error;
  boost::asio::ip::make_address(std::string(name), error);
  const auto is = [name](std::string_view other) {
    return !other.empty() && boost::beast::iequals({name.data(), name.size()}, {other.data(), other.size()});
  };
  return !error || is("localhost") || is(machine_name);
}

Endpoints::Endpoints(SnapshotSource& source, BuildInfo build, std::string machine_name)
    : source_(source),
      build_(build),
      machine_name_(std::move(machine_name)),
      metrics_(source, std::move(build)) {}

HttpReply Endpoints::operator()(const HttpRequest& request) {
  if (request.path == "/metrics") return metrics(request);
  if (request.path == "/-/healthy") return text_reply(200, "tegrascope is healthy.\n");
  if (request.path == "/-/ready") return ready();
  const bool inner = request.path == "/" || request.path.starts_with("/api/v1/");
  if (request.loopback && inner) {
    if (!is_own_host(request.host, machine_name_)) {
      return text_reply(
          403,
          "This page answers to an IP address, localhost or this machine's name only: the Host of "
          "this request is another, as when a web page attacks by DNS rebinding.\n");
    }
    if (request.path == "/") return landing();
    if (request.path.starts_with("/api/v1/")) {
      if (auto reply = api(request.path.substr(8))) return *std::move(reply);
    }
  }
  return text_reply(404, "There is no such page; /metrics, /-/healthy and /-/ready exist.\n");
}

std::optional<HttpReply> Endpoints::api(std::string_view name) const {
  const SnapshotPtr snapshot = source_.latest();
  const auto json = [](std::string text) {
    HttpReply reply = text_reply(200, std::move(text));
    reply.content_type = "application/json";
    return reply;
  };
  if (name == "events") return json(events_json(*snapshot));
  if (name == "ledger") return json(ledger_json(*snapshot));
  if (name == "headroom") return json(headroom_json(*snapshot));
  if (name == "roofline") return json(roofline_json(*snapshot));
  if (name == "requests") return json(requests_json(*snapshot));
  constexpr std::string_view kOneRequest = "requests/";
  if (name.starts_with(kOneRequest)) {
    if (auto request = request_json(*snapshot, name.substr(kOneRequest.size())))
      return json(*std::move(request));
    return text_reply(404, "No request with this id is among the latest; see /api/v1/requests.\n");
  }
  return std::nullopt;
}

HttpReply Endpoints::metrics(const HttpRequest& request) {
  HttpReply reply{200, std::string{MetricsPage::kContentType}, nullptr};
  reply.vary_by_encoding = true;
  reply.gzip = accepts_gzip(request.accept_encoding);
  reply.body = reply.gzip ? metrics_.compressed() : metrics_.text();
  return reply;
}

HttpReply Endpoints::ready() {
  if (!was_ready_) was_ready_ = !source_.latest()->readings.empty();
  if (was_ready_) return text_reply(200, "tegrascope is ready.\n");
  return text_reply(503,
                    "not ready: no sensor has been read yet; `tegrascope doctor` says what is missing.\n");
}

HttpReply Endpoints::landing() const {
  HttpReply reply = text_reply(200, landing_page(*source_.latest(), build_));
  reply.content_type = "text/html; charset=utf-8";
  return reply;
}

std::string landing_page(const Snapshot& snapshot, const BuildInfo& build) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>tegrascope</title>\n"
      "<style>body{font-family:sans-serif;margin:2em;max-width:50em}td,th{text-align:left;padding-right:2em}<"
      "/style>\n"
      "</head>\n<body>\n<h1>tegrascope " +
      escaped(build.version) + "</h1>\n<p>" + escaped(board_line(snapshot)) +
      "</p>\n<ul>\n<li><a href=\"/metrics\">/metrics</a></li>\n<li><a "
      "href=\"/-/healthy\">/-/healthy</a></li>\n"
      "<li><a href=\"/-/ready\">/-/ready</a></li>\n"
      "<li><a href=\"/api/v1/events\">/api/v1/events</a></li>\n"
      "<li><a href=\"/api/v1/ledger\">/api/v1/ledger</a></li>\n"
      "<li><a href=\"/api/v1/headroom\">/api/v1/headroom</a></li>\n"
      "<li><a href=\"/api/v1/requests\">/api/v1/requests</a></li>\n"
      "<li><a href=\"/api/v1/roofline\">/api/v1/roofline</a></li>\n</ul>\n<h2>Ollama</h2>\n";
  if (snapshot.servers.empty()) page += "<p>No Ollama server was found.</p>\n";
  for (const ServerView& server : snapshot.servers) {
    page += "<p>" + escaped(server.state.server.name) + " " + escaped(server_line(server.state)) + "</p>\n";
  }
  if (!snapshot.models.empty()) {
    page += "<table>\n<tr><th>server</th><th>model</th><th>runs on</th></tr>\n" + placement_rows(snapshot) +
            "</table>\n";
  }
  return page + "</body>\n</html>\n";
}

}  // namespace tegrascope
