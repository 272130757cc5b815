#pragma once
/// Acceptor: a free port on which the thread of a test server takes connections, until it is stopped.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>

namespace terrace::testing {

/// accept() from one thread, the rest from any.
class Acceptor {
 public:
  using Tcp = boost::asio::ip::tcp;

  explicit Acceptor(const std::string& address = "127.0.0.1")
      : acceptor_(io_, {boost::asio::ip::make_address(address), 0}) {}

  /// The next connection; none: it was stopped.
  [[nodiscard]] std::optional<Tcp::socket> accept() {
    while (!stopping_) {
      Tcp::socket socket(io_);
      boost::system::error_code ec;
      acceptor_.accept(socket, ec);
      if (!ec && !stopping_) return socket;
    }
    return std::nullopt;
  }
  /// Ends accept().
  void stop() {
    stopping_ = true;
    boost::asio::io_context io;  // wakes the accept
    Tcp::socket socket(io);
    boost::system::error_code ignored;
    socket.connect(acceptor_.local_endpoint(), ignored);
  }

  [[nodiscard]] std::string address() const { return acceptor_.local_endpoint().address().to_string(); }
  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }
  /// For further sockets of the thread that accepts.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return io_; }

 private:
  std::atomic<bool> stopping_{false};
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_;
};

}  // namespace terrace::testing
