#pragma once
/// Stream: the bytes to and from a server, over TCP, TLS or a unix socket.

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>

namespace terrace::redis {

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;
using TlsSocket = boost::asio::ssl::stream<Socket>;
using ErrorCode = boost::system::error_code;

class Stream {
 public:
  explicit Stream(Socket socket) : plain_(std::make_unique<Socket>(std::move(socket))) {}
  explicit Stream(std::unique_ptr<TlsSocket> tls) : tls_(std::move(tls)) {}

  [[nodiscard]] Executor get_executor() { return socket().get_executor(); }

  template <class Handler>
  void async_read_some(boost::asio::mutable_buffer into, Handler&& handler) {
    if (tls_) {
      tls_->async_read_some(into, std::forward<Handler>(handler));
    } else {
      plain_->async_read_some(into, std::forward<Handler>(handler));
    }
  }

  template <class Handler>
  void async_write_some(boost::asio::const_buffer from, Handler&& handler) {
    if (tls_) {
      tls_->async_write_some(from, std::forward<Handler>(handler));
    } else {
      plain_->async_write_some(from, std::forward<Handler>(handler));
    }
  }

  /// Writes as much as is possible without waiting, which avoids the I/O context: 0 over TLS.
  std::size_t write_now(boost::asio::const_buffer from, ErrorCode& ec) {
    if (tls_) return 0;
    const std::size_t written = plain_->write_some(from, ec);
    if (ec == boost::asio::error::would_block) ec = {};
    return written;
  }

  void close() noexcept {
    ErrorCode ignored;
    socket().close(ignored);
  }

 private:
  Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }

  std::unique_ptr<Socket> plain_;
  std::unique_ptr<TlsSocket> tls_;
};

}  // namespace terrace::redis
