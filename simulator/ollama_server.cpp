#include "simulator/ollama_server.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>

namespace tegrascope::simulator {

namespace asio = boost::asio;
using asio::ip::tcp;

SimulatedOllama::SimulatedOllama(SimulatedBoard& board, OllamaServerOptions options)
    : options_(options), engine_(io_, board, options.engine) {
  engine_.on_runner([this] { return open_runner_port(); }, [this] { close_runner_port(); });
}

SimulatedOllama::~SimulatedOllama() { stop(); }

void SimulatedOllama::start() {
  const tcp::endpoint wanted(asio::ip::address_v4::loopback(), options_.port);
  try {
    acceptor_ = std::make_shared<Acceptor>(io_, wanted, true);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(
        fmt::format("the simulated Ollama cannot listen on 127.0.0.1:{}: {}; choose another port, "
                    "or 0 for any free one",
                    options_.port, error.code().message()));
  }
  port_ = acceptor_->local_endpoint().port();
  accept(acceptor_, Door::server);
  thread_ = std::thread([this] { io_.run(); });
}

void SimulatedOllama::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    acceptor_->close();
    engine_.stop();
    for (HttpConnection* connection : connections_) connection->close();
    for (HttpConnection* connection : runner_connections_) connection->close();
  });
  thread_.join();
}

std::string SimulatedOllama::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void SimulatedOllama::set_placement(const std::string& model, Placement placement, double gpu_fraction) {
  engine_.set_placement(model, placement, gpu_fraction);
}

void SimulatedOllama::set_rate(const std::string& model, std::optional<double> tokens_per_second) {
  engine_.set_rate(model, tokens_per_second);
}

std::vector<RequestTruth> SimulatedOllama::requests() const { return engine_.requests(); }

std::uint16_t SimulatedOllama::open_runner_port() {
  const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  boost::system::error_code error;
  auto acceptor = std::make_shared<Acceptor>(io_);
  acceptor->open(tcp::v4(), error);
  acceptor->bind(any, error);
  if (options_.runner_listens) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return 0;
  runner_acceptor_ = acceptor;
  if (options_.runner_listens) accept(acceptor, Door::runner);
  return acceptor->local_endpoint(error).port();
}

void SimulatedOllama::close_runner_port() {
  for (HttpConnection* connection : runner_connections_) connection->close();
  if (!runner_acceptor_) return;
  boost::system::error_code ignored;
  runner_acceptor_->close(ignored);
  runner_acceptor_.reset();
}

void SimulatedOllama::accept(const std::shared_ptr<Acceptor>& acceptor, Door door) {
  acceptor->async_accept([this, acceptor, door](const boost::system::error_code& error, Socket socket) {
    if (!acceptor->is_open() || stopping_) return;
    if (!error) {
      auto connection = serve(std::move(socket), door);
      asio::co_spawn(io_, std::move(connection), [](const std::exception_ptr&) {});
    }
    accept(acceptor, door);
  });
}

asio::awaitable<void> SimulatedOllama::serve(Socket socket, Door door) {
  HttpConnection client(std::move(socket));
  if (stopping_) co_return;
  std::set<HttpConnection*>& peers = door == Door::runner ? runner_connections_ : connections_;
  peers.insert(&client);
  try {
    while (!stopping_) {
      const std::optional<HttpRequest> request = co_await client.read_request();
      if (!request) break;
      if (door == Door::runner)
        co_await route_runner(client, *request);
      else
        co_await route(client, *request);
      if (!request->keep_alive) break;
    }
  } catch (const std::exception&) {
    // The client has gone in the middle of an answer: nothing is left to tell it.
  }
  peers.erase(&client);
}

}  // namespace tegrascope::simulator
