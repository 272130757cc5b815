#include "upkeep/http_exchange.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "base/threads.hpp"
#include "runtime/any_stream.hpp"
#include "runtime/tls.hpp"

namespace terrace::upkeep {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using Done = Handler<Result<HttpReply>>;

/// One request; used on the I/O context only.
class Exchange final : public HttpExchange, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context& io, std::shared_ptr<const HttpPeer> peer, HttpRequest&& request, Done done)
      : peer_(std::move(peer)),
        timeout_(request.timeout),
        max_body_(request.max_body),
        resolver_(io),
        limit_(io),
        stream_(io.get_executor(), peer_->tls ? &*peer_->tls : nullptr),
        done_(std::move(done)) {
    prepare(std::move(request));
  }

  void begin();

  void cancel() override {
    done_ = nullptr;
    release();
  }

 private:
  void prepare(HttpRequest&& request) {
    request_.method_string(request.method);
    request_.target(request.target);
    request_.version(11);
    request_.set(http::field::host, url_.authority());
    request_.set(http::field::user_agent, "terrace");
    request_.set(http::field::connection, "close");
    if (!url_.authorization.empty()) request_.set(http::field::authorization, url_.authorization);
    for (const auto& [name, value] : request.headers) request_.set(name, value);
    if (!request.content_type.empty()) {
      request_.set(http::field::content_type, request.content_type);
      request_.body() = std::move(request.body);
      request_.prepare_payload();
    }
    if (max_body_ > 0) parser_.body_limit(max_body_);
  }

  /// A handler that continues with the step unless there was an error or everything is over.
  template <class... Args>
  auto next(void (Exchange::*step)(Args...), const char* stage) {
    stage_ = stage;
    return [self = shared_from_this(), step](const ErrorCode& ec, auto&&... args) {
      if (!self->done_) return;
      if (ec) return self->fail(ec);
      if constexpr (sizeof...(Args) == 0) {
        ((*self).*step)();
      } else {
        ((*self).*step)(std::forward<decltype(args)>(args)...);
      }
    };
  }

  void connect(const Tcp::resolver::results_type& addresses) {
    tcp().async_connect(addresses, next(&Exchange::connected, "connecting"));
  }
  void connected() {
    if (!stream_.has_tls()) return write();
    if (!expect_host(stream_.tls(), url_.host)) {
      return end(Error(Errc::denied, label() + ": the host name cannot be checked against the certificate"));
    }
    stream_.handshake(asio::ssl::stream_base::client, next(&Exchange::write, "negotiating TLS"));
  }
  void write() { http::async_write(stream_, request_, next(&Exchange::written, "sending the request")); }
  void written() {
    http::async_read_header(stream_, buffer_, parser_, next(&Exchange::answered, "waiting for the answer"));
  }
  void answered() {
    if (max_body_ == 0) return read();
    http::async_read(stream_, buffer_, parser_, next(&Exchange::read, "reading the answer"));
  }
  void read() { end(HttpReply{parser_.get().result_int(), std::move(parser_.get().body())}); }

  void fail(const ErrorCode& ec) {
    std::string why = ec.message();
    if (stream_.has_tls()) {
      const long verdict = SSL_get_verify_result(stream_.tls());
      if (verdict != X509_V_OK)
        why = std::string("the server's certificate is not accepted: ") +
              X509_verify_cert_error_string(verdict);
    }
    end(Error(Errc::unavailable, label() + ": while " + stage_ + ": " + why));
  }

  void end(Result<HttpReply> outcome) {
    if (!done_) return;
    Done done = std::exchange(done_, nullptr);
    release();
    done(std::move(outcome));
  }

  void release() {
    limit_.cancel();
    resolver_.cancel();
    tcp().close();  // closed, not destroyed, because operations under way still refer to it
  }

  [[nodiscard]] std::string label() const { return url_.label(); }
  beast::tcp_stream& tcp() { return stream_.tcp(); }

  const std::shared_ptr<const HttpPeer> peer_;
  const HttpUrl& url_ = peer_->url;
  const Duration timeout_;
  const std::size_t max_body_;
  Tcp::resolver resolver_;
  asio::steady_timer limit_;
  AnyStream stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  const char* stage_ = "";
  Done done_;
};

void Exchange::begin() {
  limit_.expires_after(timeout_);
  limit_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->end(Error(Errc::timed_out, self->label() + ": no answer in time while " + self->stage_));
  });
  try {
    if (no_threads_left) throw std::system_error(EAGAIN, std::generic_category());
    resolver_.async_resolve(url_.host, url_.port, next(&Exchange::connect, "resolving the name"));
  } catch (const std::exception& none) {  // Asio resolves names on a thread that starts with the first one
    asio::post(resolver_.get_executor(), [self = shared_from_this(), why = no_thread("names", none)] {
      self->end(Error(Errc::unavailable, self->label() + ": " + why.context));
    });
  }
}

}  // namespace

HttpPeer::HttpPeer(HttpUrl to, const std::string& options, const std::string& ca_file) : url(std::move(to)) {
  if (url.tls) tls.emplace(make_tls_context(options, ca_file));
}

std::shared_ptr<HttpExchange> HttpExchange::start(asio::io_context& io, std::shared_ptr<const HttpPeer> peer,
                                                  HttpRequest request, Done done) {
  const auto exchange = std::make_shared<Exchange>(io, std::move(peer), std::move(request), std::move(done));
  exchange->begin();
  return exchange;
}

}  // namespace terrace::upkeep
