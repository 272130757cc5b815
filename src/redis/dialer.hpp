#pragma once
/// Dialer: one attempt to make a Stream: resolve, connect, TLS handshake, all within one time limit.
/// Used on the I/O context only.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "redis/network.hpp"
#include "redis/socket_stream.hpp"

namespace terrace::redis {

class Dialer final : public Network::Dial, public std::enable_shared_from_this<Dialer> {
 public:
  using Done = Network::Dialed;

  /// `tls` is needed for rediss only and must outlive the stream.
  Dialer(boost::asio::io_context& io, const RedisUrl& url, boost::asio::ssl::context* tls);

  /// Calls `done` once, never inside this call, at the latest shortly after the deadline.
  void start(TimePoint deadline, Done done);
  /// `done` will not be called.
  void cancel() override;

 private:
  using Tcp = boost::asio::ip::tcp;
  using TcpSocket = boost::asio::basic_stream_socket<Tcp, Executor>;
  using Resolver = boost::asio::ip::basic_resolver<Tcp, Executor>;

  void connect_unix();
  void resolve();
  void connect_tcp(const Resolver::results_type& addresses);
  void handshake();
  void fail(std::string what);
  void finish(Result<std::unique_ptr<Stream>> outcome);
  void release();

  const RedisUrl& url_;
  boost::asio::ssl::context* tls_context_;
  boost::asio::steady_timer timer_;
  Resolver resolver_;
  std::optional<TcpSocket> tcp_;
  std::optional<Socket> socket_;
  std::unique_ptr<TlsSocket> tls_;
  const char* stage_ = "";
  Done done_;
};

}  // namespace terrace::redis
