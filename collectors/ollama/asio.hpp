// The Asio types of the relay. The executor is io_context's own type, not any_io_executor: 5 % less CPU a
// token.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>

namespace tegrascope {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
using Task = asio::awaitable<void, Executor>;
using TcpEndpoint = asio::ip::tcp::endpoint;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using boost::system::error_code;

inline constexpr asio::use_awaitable_t<Executor> kAwait{};

}  // namespace tegrascope
