#include "service/admin_listener.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

namespace terrace::service {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;

namespace {

constexpr std::ptrdiff_t max_sessions = 64;
/// More connections than these, for /healthz and /readyz, while all others wait for a cache.
constexpr std::ptrdiff_t max_for_health = 8;
/// Of one connection, in the system: requests that are not read yet, and answers that the client does not read.
/// Linux doubles them.
constexpr int unread_requests = 64 * 1024, unread_answers = 128 * 1024;
constexpr std::chrono::minutes between_log_lines{1};
constexpr std::chrono::milliseconds retry_accept{100};
constexpr std::chrono::seconds last_answers{2};

[[noreturn]] void refuse(const ListenAddress& where, const ErrorCode& failed) {
  std::string address = where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
  address += ":" + std::to_string(where.endpoint.port());
  if (failed == asio::error::address_in_use) {
    throw ConfigError(
        "admin: " + address +
        " is in use by another program, or by another server in this program: listen on another port, or "
        "on port 0 for any free port");
  }
  if (failed == asio::error::access_denied) {
    throw ConfigError("admin: " + address + " is not permitted to this program (" + failed.message() +
                      "): ports below 1024 need privileges; give another port");
  }
  throw ConfigError("admin: cannot listen on " + address + " (" + failed.message() +
                    "): give an address of this machine, as in 127.0.0.1:9390");
}

}  // namespace

AdminListener::AdminListener(const ListenAddress& where, std::optional<asio::ssl::context> tls,
                             SessionHost& host)
    : host_(host), tls_(std::move(tls)), acceptor_(*host.io), timer_(*host.io) {
  ErrorCode failed;
  acceptor_.open(where.endpoint.protocol(), failed);
  if (!failed) acceptor_.set_option(Tcp::acceptor::reuse_address(true), failed);
  // Connections inherit these. They must be set before a connection exists.
  if (!failed) acceptor_.set_option(asio::socket_base::receive_buffer_size(unread_requests), failed);
  if (!failed) acceptor_.set_option(asio::socket_base::send_buffer_size(unread_answers), failed);
  if (!failed) acceptor_.bind(where.endpoint, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) refuse(where, failed);
  // A child process of the program must not hold the port.
  ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
  port_ = acceptor_.local_endpoint().port();
}

void AdminListener::accept() {
  acceptor_.async_accept([this](const ErrorCode& failed, Tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!failed) {
      take(std::move(socket));
      return accept();
    }
    // Usually there are no file descriptors left: trying at once would loop.
    timer_.expires_after(retry_accept);
    timer_.async_wait([this](const ErrorCode& cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void AdminListener::take(Tcp::socket socket) {
  const auto taken = [&](bool health_only) {
    return std::count_if(sessions_.begin(), sessions_.end(),
                         [&](const Place& place) { return place.health_only == health_only; });
  };
  const bool health_only = taken(false) >= max_sessions && !make_room(false);
  if (health_only && taken(true) >= max_for_health && !make_room(true)) {
    ++closed_;
    return tell_of_closed();
  }
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  ErrorCode ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  auto session = make_session(std::move(socket), tls_ ? &*tls_ : nullptr, host_, health_only,
                              [this](AdminSession* gone) { ended(gone); });
  sessions_.push_back({session, health_only});
  session->start();
}

bool AdminListener::make_room(bool health_only) {
  std::shared_ptr<AdminSession> longest;
  for (const Place& place : sessions_) {
    if (place.health_only != health_only || place.session->awaits() == Awaits::cache) continue;
    if (!longest || place.session->since() < longest->since()) longest = place.session;
  }
  if (!longest) return false;
  longest->abort();
  ++closed_;
  tell_of_closed();
  return true;
}

void AdminListener::tell_of_closed() {
  const TimePoint now = system_clock().now();
  if (told_ != TimePoint{} && now - told_ < between_log_lines) return;
  spdlog::warn("admin: {} connections were closed to make room: more than {} clients are connected", closed_,
               max_sessions);
  closed_ = 0;
  told_ = now;
}

void AdminListener::ended(AdminSession* session) {
  sessions_.remove_if([&](const Place& place) { return place.session.get() == session; });
  if (sessions_.empty() && host_.closing) timer_.cancel();
}

void AdminListener::close() {
  if (host_.closing) return;
  host_.closing = true;
  host_.stop.request_stop();
  ErrorCode ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  for (const Place& place : std::vector(sessions_.begin(), sessions_.end())) {
    if (place.session->awaits() == Awaits::request) place.session->abort();
  }
  if (sessions_.empty()) return;
  timer_.expires_after(last_answers);
  timer_.async_wait([this](const ErrorCode& cancelled) {
    if (cancelled) return;
    for (const Place& place : std::vector(sessions_.begin(), sessions_.end())) place.session->abort();
  });
}

}  // namespace terrace::service
