#include "redis/dialer.hpp"

#include <netinet/tcp.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "base/threads.hpp"
#include "runtime/tls.hpp"

namespace terrace::redis {

namespace asio = boost::asio;

Dialer::Dialer(asio::io_context& io, const RedisUrl& url, asio::ssl::context* tls)
    : url_(url), tls_context_(tls), timer_(io), resolver_(io.get_executor()) {}

void Dialer::start(TimePoint deadline, Done done) {
  done_ = std::move(done);
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->fail("no answer within the connect time limit");
  });
  if (url_.transport == Transport::unix_socket) {
    connect_unix();
  } else {
    resolve();
  }
}

void Dialer::cancel() {
  done_ = nullptr;
  release();
}

void Dialer::release() {
  timer_.cancel();
  resolver_.cancel();
  ErrorCode ignored;  // closed, not destroyed, because operations under way still refer to it
  if (tcp_) tcp_->close(ignored);
  if (socket_) socket_->close(ignored);
  if (tls_) tls_->next_layer().close(ignored);
}

/// The timer's handler may already be queued when everything is over: the object that `url_` refers to may be
/// gone then.
void Dialer::fail(std::string what) {
  if (!done_) return;
  finish(Error(Errc::unavailable,
               "cannot connect to Redis " + url_.label() + ": " + stage_ + ": " + std::move(what)));
}

void Dialer::finish(Result<std::unique_ptr<Stream>> outcome) {
  if (!done_) return;
  Done done = std::move(done_);
  done_ = nullptr;
  if (outcome) {
    timer_.cancel();
  } else {
    release();
  }
  done(std::move(outcome));
}

void Dialer::connect_unix() {
  stage_ = "connecting";
  socket_.emplace(resolver_.get_executor());
  const asio::local::stream_protocol::endpoint where(url_.path);
  socket_->async_connect(where, [self = shared_from_this()](const ErrorCode& ec) {
    if (!self->done_) return;
    if (ec) return self->fail(ec.message());
    self->socket_->non_blocking(true);
    self->finish(std::make_unique<SocketStream>(std::move(*self->socket_)));
  });
}

void Dialer::resolve() {
  ErrorCode no_address;
  const auto address = asio::ip::make_address(url_.host, no_address);
  if (!no_address) {
    stage_ = "connecting";
    const Tcp::endpoint where(address, static_cast<std::uint16_t>(std::stoul(url_.port)));
    return connect_tcp(Resolver::results_type::create(where, url_.host, url_.port));
  }
  stage_ = "resolving the name";
  const auto resolved = [self = shared_from_this()](const ErrorCode& ec,
                                                    const Resolver::results_type& found) {
    if (!self->done_) return;
    if (ec) return self->fail(ec.message());
    self->connect_tcp(found);
  };
  try {
    if (no_threads_left) throw std::system_error(EAGAIN, std::generic_category());
    resolver_.async_resolve(url_.host, url_.port, resolved);
  } catch (const std::exception& none) {  // Asio resolves names on a thread that starts with the first one
    asio::post(resolver_.get_executor(),
               [self = shared_from_this(), why = no_thread("names", none)] { self->fail(why.context); });
  }
}

void Dialer::connect_tcp(const Resolver::results_type& addresses) {
  stage_ = "connecting";
  tcp_.emplace(resolver_.get_executor());
  asio::async_connect(*tcp_, addresses,
                      [self = shared_from_this()](const ErrorCode& ec, const Tcp::endpoint&) {
                        if (!self->done_) return;
                        if (ec) return self->fail(ec.message());
                        ErrorCode ignored;
                        self->tcp_->set_option(Tcp::no_delay(true), ignored);
                        // Until then the kernel retransmits data that a dead peer does not acknowledge; our
                        // own PING
                        // notices before that.
                        const unsigned give_up_ms = 2000;
                        ::setsockopt(self->tcp_->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms,
                                     sizeof give_up_ms);
                        self->tcp_->non_blocking(true, ignored);
                        self->socket_.emplace(std::move(*self->tcp_));
                        if (self->url_.transport == Transport::tls) return self->handshake();
                        self->finish(std::make_unique<SocketStream>(std::move(*self->socket_)));
                      });
}

void Dialer::handshake() {
  stage_ = "TLS handshake";
  tls_ = std::make_unique<TlsSocket>(std::move(*socket_), *tls_context_);
  if (!expect_host(tls_->native_handle(), url_.host)) return fail("the host cannot be checked");
  tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const ErrorCode& ec) {
    if (!self->done_) return;
    if (!ec) return self->finish(std::make_unique<SocketStream>(std::move(self->tls_)));
    const long verdict = SSL_get_verify_result(self->tls_->native_handle());
    if (verdict == X509_V_OK) return self->fail(ec.message());
    self->fail(std::string("the server's certificate is not accepted: ") +
               X509_verify_cert_error_string(verdict));
  });
}

}  // namespace terrace::redis
