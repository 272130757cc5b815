#include "service/admin_listener.hpp"

#include <fcntl.h>

#include <algorithm>
#include <vector>

namespace terrace::service {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;

namespace {

constexpr std::size_t max_sessions = 64;
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
  if (sessions_.size() >= max_sessions && !make_room()) return;
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  ErrorCode ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  auto session = make_session(std::move(socket), tls_ ? &*tls_ : nullptr, host_,
                              [this](AdminSession* gone) { ended(gone); });
  sessions_.push_back(session);
  session->start();
}

bool AdminListener::make_room() {
  const auto longest = std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
    return a->waiting_since().value_or(no_deadline) < b->waiting_since().value_or(no_deadline);
  });
  const auto session = *longest;
  if (!session->waiting_since()) return false;
  session->abort();
  return true;
}

void AdminListener::ended(AdminSession* session) {
  sessions_.remove_if([&](const auto& one) { return one.get() == session; });
  if (sessions_.empty() && host_.closing) timer_.cancel();
}

void AdminListener::close() {
  if (host_.closing) return;
  host_.closing = true;
  host_.stop.request_stop();
  ErrorCode ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  for (const auto& session : std::vector(sessions_.begin(), sessions_.end())) {
    if (session->waiting_since()) session->abort();
  }
  if (sessions_.empty()) return;
  timer_.expires_after(last_answers);
  timer_.async_wait([this](const ErrorCode& cancelled) {
    if (cancelled) return;
    for (const auto& session : std::vector(sessions_.begin(), sessions_.end())) session->abort();
  });
}

}  // namespace terrace::service
