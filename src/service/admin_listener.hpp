#pragma once
/// AdminListener: the socket that accepts connections, and the sessions on them.

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>

#include "service/admin_session.hpp"
#include "service/listen_address.hpp"

namespace terrace::service {

/// Used on the I/O thread only, except the constructor.
class AdminListener {
 public:
  /// Listens when it returns. Throws ConfigError: the address is in use, or does not belong to this machine.
  AdminListener(const ListenAddress& where, std::optional<boost::asio::ssl::context> tls, SessionHost& host);

  void start() { accept(); }
  /// Accepts no more connections. Sessions that wait for a request end now, others after their answer, all of
  /// them after a while.
  void close();
  [[nodiscard]] unsigned short port() const noexcept { return port_; }

 private:
  using Sessions = std::list<std::shared_ptr<AdminSession>>;

  void accept();
  void take(boost::asio::ip::tcp::socket socket);
  /// Ends the session that has waited longest for its request; false: all are being answered.
  bool make_room();
  void ended(AdminSession* session);

  SessionHost& host_;
  std::optional<boost::asio::ssl::context> tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  Sessions sessions_;
  unsigned short port_ = 0;
};

}  // namespace terrace::service
