#pragma once
/// SocketStream: a Stream over TCP, TLS or a unix socket.

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "redis/stream.hpp"

namespace terrace::redis {

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;
using TlsSocket = boost::asio::ssl::stream<Socket>;

class SocketStream final : public Stream {
 public:
  explicit SocketStream(Socket socket) : plain_(std::make_unique<Socket>(std::move(socket))) {}
  explicit SocketStream(std::unique_ptr<TlsSocket> tls) : tls_(std::move(tls)) {}

  void read_some(std::span<char> into, std::shared_ptr<Listener> listener) override;
  void write_some(std::string_view from, std::shared_ptr<Listener> listener) override;
  /// Avoids the I/O context. Over TLS it writes nothing.
  std::size_t write_now(std::string_view from) override;
  void close() noexcept override;

 private:
  template <class Use>
  void with_socket(Use use) {
    tls_ ? use(*tls_) : use(*plain_);
  }

  std::unique_ptr<Socket> plain_;
  std::unique_ptr<TlsSocket> tls_;
};

}  // namespace terrace::redis
