#pragma once
/// AnyStream: a TCP connection, plain or under TLS, as one type. So code that reads and writes messages is
/// compiled once, not for each kind of connection: those templates are the largest of the project.

#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <optional>
#include <utility>

namespace terrace {

/// An AsyncReadStream and AsyncWriteStream of Asio and Beast. Used on one thread at a time, like these.
class AnyStream {
 public:
  using ErrorCode = boost::system::error_code;
  using executor_type = boost::asio::any_io_executor;
  using Moved = boost::asio::any_completion_handler<void(ErrorCode, std::size_t)>;
  using Done = boost::asio::any_completion_handler<void(ErrorCode)>;
  using Role = boost::asio::ssl::stream_base::handshake_type;

  /// `tls`: none: plain. It must outlive the stream.
  AnyStream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls);
  AnyStream(boost::asio::any_io_executor executor, boost::asio::ssl::context* tls);

  [[nodiscard]] executor_type get_executor() { return tcp_.get_executor(); }
  /// The TCP stream below TLS: for connecting, time limits, and closing.
  [[nodiscard]] boost::beast::tcp_stream& tcp() noexcept { return tcp_; }
  [[nodiscard]] bool has_tls() const noexcept { return tls_.has_value(); }
  /// OpenSSL's object; null: plain.
  [[nodiscard]] SSL* tls() noexcept { return tls_ ? tls_->native_handle() : nullptr; }

  /// Only under TLS.
  void handshake(Role role, Done done);
  /// Only under TLS.
  void shutdown(Done done);

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto first = boost::asio::buffer_sequence_begin(buffers);
    return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, boost::asio::mutable_buffer into) { read_some(into, std::move(handler)); },
        token, first == boost::asio::buffer_sequence_end(buffers) ? boost::asio::mutable_buffer() : *first);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    Parts parts;
    std::size_t count = 0;
    for (auto part = boost::asio::buffer_sequence_begin(buffers);
         part != boost::asio::buffer_sequence_end(buffers) && count < parts.size(); ++part) {
      parts[count++] = *part;
    }
    return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, const Parts& from) { write_some(from, std::move(handler)); }, token, parts);
  }

 private:
  /// Head and body of a message are written together: two writes would wait for each other (Nagle's
  /// algorithm).
  using Parts = std::array<boost::asio::const_buffer, 8>;

  void read_some(boost::asio::mutable_buffer into, Moved done);
  void write_some(const Parts& from, Moved done);

  boost::beast::tcp_stream tcp_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace terrace
