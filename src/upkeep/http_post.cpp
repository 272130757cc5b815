#include "upkeep/http_post.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "runtime/io_context.hpp"
#include "runtime/tls.hpp"

namespace terrace::upkeep {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;
using Request = http::request<http::string_body>;
using Done = Handler<Result<void>>;

/// What an answer means: nothing, or the error.
Result<void> judge(unsigned status, const std::string& label) {
  if (status >= 200 && status < 300) return {};
  const bool may_pass = status == 408 || status == 429 || status >= 500;
  return Error(may_pass ? Errc::unavailable : Errc::denied, label + " answered " + std::to_string(status));
}

/// Where requests go, for all of them.
struct Target {
  explicit Target(HttpPostOptions o) : options(std::move(o)) {
    if (options.url.tls) tls.emplace(make_tls_context("WebhookOptions", options.ca_file));
  }
  const HttpPostOptions options;
  mutable std::optional<asio::ssl::context> tls;
};

/// One request, on the I/O context only.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context& io, std::shared_ptr<const Target> target, std::string body, Done done)
      : target_(std::move(target)), resolver_(io), limit_(io), done_(std::move(done)) {
    if (target_->tls) {
      tls_.emplace(io, *target_->tls);
    } else {
      plain_.emplace(io);
    }
    prepare(std::move(body));
  }

  void start();

  /// `done` is not called.
  void cancel() {
    done_ = nullptr;
    release();
  }

 private:
  void prepare(std::string body) {
    request_.method(http::verb::post);
    request_.target(options_.url.target);
    request_.version(11);
    request_.set(http::field::host, options_.url.authority());
    request_.set(http::field::user_agent, "terrace");
    request_.set(http::field::content_type, options_.content_type);
    request_.set(http::field::connection, "close");
    if (!options_.url.authorization.empty())
      request_.set(http::field::authorization, options_.url.authorization);
    for (const auto& [name, value] : options_.headers) request_.set(name, value);
    request_.body() = std::move(body);
    request_.prepare_payload();
  }

  /// A handler that goes on with the step unless it failed or all is over.
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
    tcp().async_connect(addresses, next(&Exchange::connected, "it connects"));
  }
  void connected() {
    if (!tls_) return write(*plain_);
    if (!expect_host(tls_->native_handle(), options_.url.host)) {
      return end(Error(Errc::denied, label() + ": the host cannot be checked"));
    }
    tls_->async_handshake(asio::ssl::stream_base::client, next(&Exchange::greeted, "TLS is negotiated"));
  }
  void greeted() { write(*tls_); }

  template <class Stream>
  void write(Stream& stream) {
    http::async_write(stream, request_, next(&Exchange::written, "the notice is sent"));
  }
  void written() {
    const char* stage = "the answer is awaited";
    if (tls_) {
      http::async_read_header(*tls_, buffer_, parser_, next(&Exchange::answered, stage));
    } else {
      http::async_read_header(*plain_, buffer_, parser_, next(&Exchange::answered, stage));
    }
  }
  void answered() { end(judge(parser_.get().result_int(), label())); }

  void fail(const ErrorCode& ec) {
    std::string why = ec.message();
    if (tls_) {
      const long verdict = SSL_get_verify_result(tls_->native_handle());
      if (verdict != X509_V_OK)
        why = std::string("the server's certificate is not accepted: ") +
              X509_verify_cert_error_string(verdict);
    }
    end(Error(Errc::unavailable, label() + ": while " + stage_ + ": " + why));
  }

  void end(Result<void> outcome) {
    if (!done_) return;
    Done done = std::exchange(done_, nullptr);
    release();
    done(std::move(outcome));
  }

  void release() {
    limit_.cancel();
    resolver_.cancel();
    tcp().close();  // closed, not destroyed: operations under way still refer to it
  }

  [[nodiscard]] std::string label() const { return options_.url.label(); }
  beast::tcp_stream& tcp() { return tls_ ? tls_->next_layer() : *plain_; }

  const std::shared_ptr<const Target> target_;
  const HttpPostOptions& options_ = target_->options;
  Tcp::resolver resolver_;
  asio::steady_timer limit_;
  std::optional<beast::tcp_stream> plain_;
  std::optional<TlsStream> tls_;
  Request request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::empty_body> parser_;
  const char* stage_ = "";
  Done done_;
};

void Exchange::start() {
  limit_.expires_after(options_.timeout);
  limit_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->end(Error(Errc::timed_out, self->label() + ": no answer in time while " + self->stage_));
  });
  resolver_.async_resolve(options_.url.host, options_.url.port,
                          next(&Exchange::connect, "the name is resolved"));
}

class HttpPost final : public Post, public std::enable_shared_from_this<HttpPost> {
 public:
  HttpPost(HttpPostOptions options, std::shared_ptr<Runtime> runtime)
      : target_(std::make_shared<Target>(std::move(options))), runtime_(std::move(runtime)) {}

  void post(std::string body, Done done) override {
    asio::post(io(), [self = shared_from_this(), body = std::move(body), done = std::move(done)]() mutable {
      if (self->closed_) return;
      const auto exchange =
          std::make_shared<Exchange>(self->io(), self->target_, std::move(body), std::move(done));
      self->under_way_ = exchange;
      exchange->start();
    });
  }

  void close() override {
    asio::post(io(), [self = shared_from_this()] {
      self->closed_ = true;
      if (const auto exchange = self->under_way_.lock()) exchange->cancel();
    });
  }

 private:
  [[nodiscard]] asio::io_context& io() const noexcept { return io_context(*runtime_); }

  const std::shared_ptr<const Target> target_;
  const std::shared_ptr<Runtime> runtime_;
  // On the I/O context only. An exchange lives by its handlers, so it dies with the context at the latest.
  std::weak_ptr<Exchange> under_way_;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Post> make_http_post(HttpPostOptions options, std::shared_ptr<Runtime> runtime) {
  return std::make_shared<HttpPost>(std::move(options), std::move(runtime));
}

}  // namespace terrace::upkeep
