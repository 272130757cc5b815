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
  struct Place {
    std::shared_ptr<AdminSession> session;
    bool health_only;
  };

  void accept();
  void take(boost::asio::ip::tcp::socket socket);
  /// Ends the session of this kind that has waited longest for its client; false: all wait for a cache.
  bool make_room(bool health_only);
  /// Logs, at most once a minute, how many connections were closed before their time.
  void tell_of_closed();
  void ended(AdminSession* session);

  SessionHost& host_;
  std::optional<boost::asio::ssl::context> tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  std::list<Place> sessions_;
  std::uint64_t closed_ = 0;  ///< connections, to make room, since the last log line
  TimePoint told_{};
  unsigned short port_ = 0;
};

}  // namespace terrace::service
