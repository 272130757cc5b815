#pragma once
/// AdminSession: one connection to the admin endpoint. It reads a request, gets the answer, writes it, and
/// waits for the next request; never longer than the limits.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <stop_token>
#include <terrace/clock.hpp>

#include "service/admin_routes.hpp"

namespace terrace::service {

struct SessionLimits {
  Duration request{};                           ///< from the end of the last answer to the end of the request
  Duration answer = std::chrono::seconds(30);   ///< except for warming, which has no limit
  Duration write = std::chrono::seconds(10);    ///< for the client to read the next part of an answer
  Duration farewell = std::chrono::seconds(1);  ///< for the client to read the last answer
  std::uint32_t header_bytes = 16 * 1024;
  std::uint64_t body_bytes = std::uint64_t{8} << 20U;
};

/// Data that the sessions of a server share. Lives longer than their I/O.
struct SessionHost {
  AdminRoutes& routes;
  const SessionLimits limits;
  const std::shared_ptr<boost::asio::io_context> io;
  std::stop_source stop = {};
  bool closing = false;  ///< each answer is the last one of its connection
};

/// What a session waits for.
enum class Awaits : std::uint8_t {
  request,  ///< for its client to send a complete request, or to close the connection
  cache,    ///< for the answer of a cache
  reader,   ///< for its client to read the answer
};

/// On the I/O thread only.
class AdminSession {
 public:
  virtual ~AdminSession() = default;
  virtual void start() = 0;
  [[nodiscard]] virtual Awaits awaits() const = 0;
  /// Since when.
  [[nodiscard]] virtual TimePoint since() const = 0;
  /// Aborts everything under way.
  virtual void abort() = 0;
};

/// Calls `ended` once, from a handler of the session, when its connection is closed. The session lives as
/// long as its I/O. `health_only`: it answers one request, for /healthz or /readyz, and refuses any other.
std::shared_ptr<AdminSession> make_session(boost::asio::ip::tcp::socket socket,
                                           boost::asio::ssl::context* tls, SessionHost& host,
                                           bool health_only, std::function<void(AdminSession*)> ended);

}  // namespace terrace::service
