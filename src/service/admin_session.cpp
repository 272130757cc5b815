#include "service/admin_session.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/version.hpp>
#include <optional>

#include "runtime/any_stream.hpp"
#include "service/http_framing.hpp"

namespace terrace::service {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using ErrorCode = boost::system::error_code;

constexpr std::string_view header_end = "\r\n\r\n";

/// Headers of every answer for browsers: no guessing of types, no frames, no storing, nothing sent to other
/// sites.
void set_security_headers(http::fields& fields) {
  fields.set("X-Content-Type-Options", "nosniff");
  fields.set("X-Frame-Options", "DENY");
  fields.set("Referrer-Policy", "no-referrer");
  fields.set(http::field::cache_control, "no-store");
  fields.set("Cross-Origin-Resource-Policy", "same-origin");
  if (fields.count("Content-Security-Policy") == 0) {
    fields.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  }
}

class Session final : public AdminSession, public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, asio::ssl::context* tls, SessionHost& host, bool health_only,
          std::function<void(AdminSession*)> ended)
      : host_(host),
        stream_(std::move(socket), tls),
        answer_timer_(*host.io),
        ended_(std::move(ended)),
        health_only_(health_only) {
    ErrorCode ignored;
    caller_.address = tcp().socket().remote_endpoint(ignored).address();
  }

  void start() override {
    expect_request();
    if (!stream_.has_tls()) return read_header();
    stream_.handshake(asio::ssl::stream_base::server, [self = shared_from_this()](const ErrorCode& failed) {
      failed ? self->end() : self->read_header();
    });
  }

  [[nodiscard]] Awaits awaits() const override { return awaits_; }
  [[nodiscard]] TimePoint since() const override { return since_; }

  void abort() override { end(); }

 private:
  [[nodiscard]] beast::tcp_stream& tcp() { return stream_.tcp(); }

  void await(Awaits what) {
    awaits_ = what;
    since_ = system_clock().now();
  }

  void expect_request() {
    await(Awaits::request);
    tcp().expires_after(host_.limits.request);
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(host_.limits.header_bytes);
    parser_->body_limit(host_.limits.body_bytes);
    searched_ = 0;
    find_header();
  }

  /// Reads until the header is complete. It is taken as a whole, because the parser accepts more than
  /// framing_mistake() allows.
  void find_header() {
    const auto held = buffer_.data();
    const std::string_view text(static_cast<const char*>(held.data()), held.size());
    const auto end = text.find(header_end, searched_);
    if (end != std::string_view::npos) return take_header(text.substr(0, end + header_end.size()));
    if (text.size() >= host_.limits.header_bytes) return unreadable(http::error::header_limit);
    searched_ = text.size() - std::min(text.size(), header_end.size() - 1);
    constexpr std::size_t part = 4096;
    stream_.async_read_some(buffer_.prepare(part),
                            [self = shared_from_this()](const ErrorCode& failed, std::size_t size) {
                              if (failed) return self->end();
                              self->buffer_.commit(size);
                              self->find_header();
                            });
  }

  void take_header(std::string_view header) {
    const auto ambiguous = framing_mistake(header);
    ErrorCode failed;
    parser_->put(asio::buffer(header), failed);
    buffer_.consume(header.size());
    if (failed) return unreadable(failed);
    if (!ambiguous) return admit();
    last_ = true;
    refuse(refusal(http::status::bad_request, "bad request", *ambiguous));
  }

  /// Tells a client that sends something what is wrong; a silent client gets no answer.
  void unreadable(const ErrorCode& failed) {
    if (failed == http::error::header_limit) {
      return refuse(refusal(
          http::status::request_header_fields_too_large, "too large",
          "the header of a request has at most " + std::to_string(host_.limits.header_bytes) + " bytes"));
    }
    if (failed == http::error::body_limit) {
      return refuse(
          refusal(http::status::payload_too_large, "too large",
                  "the body of a request has at most " + std::to_string(host_.limits.body_bytes) + " bytes"));
    }
    const bool spoke = failed.category() == make_error_code(http::error::bad_method).category() &&
                       failed != http::error::end_of_stream && failed != http::error::partial_message;
    if (!spoke) return end();
    refuse(refusal(http::status::bad_request, "bad request",
                   "this is not an HTTP request: " + failed.message()));
  }

  void admit() {
    const auto& header = parser_->get();
    auto admitted = host_.routes.admit(caller_, header, header.method(), header.target(), header.version());
    if (auto* const refused = std::get_if<HttpAnswer>(&admitted)) return refuse(std::move(*refused));
    request_ = std::move(std::get<AdminRequest>(admitted));
    const bool of_health =
        request_.kind == AdminRequest::Kind::live || request_.kind == AdminRequest::Kind::ready;
    if (health_only_ && !of_health) return refuse_for_now();
    if (request_.kind != AdminRequest::Kind::call && !parser_->is_done()) {
      return refuse(refusal(http::status::payload_too_large, "too large", "this request takes no body"));
    }
    if (!beast::iequals(header[http::field::expect], "100-continue")) return read_body();
    go_on_.emplace(http::status::continue_, header.version());
    http::async_write(stream_, *go_on_, [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
      failed ? self->end() : self->read_body();
    });
  }

  /// All other places are taken by requests that wait for a cache.
  void refuse_for_now() {
    HttpAnswer answer =
        refusal(http::status::service_unavailable, "busy",
                "as many requests as this endpoint answers at a time wait for a cache; only /healthz "
                "and /readyz are answered now");
    answer.headers.emplace_back("Retry-After", "1");
    refuse(std::move(answer));
  }

  void read_body() {
    if (parser_->is_done()) return answer();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                       failed ? self->unreadable(failed) : self->answer();
                     });
  }

  /// The answer may come from any thread, late, or after this session is gone: it finds the session by a weak
  /// pointer, on the I/O thread, whose context it keeps alive.
  void answer() {
    await(Awaits::cache);
    tcp().expires_never();
    const std::uint64_t turn = ++turn_;
    request_.call.stop = host_.stop.get_token();
    if (request_.kind != AdminRequest::Kind::call || request_.call.operation != AdminOperation::warm) {
      limit_answer(turn);
    }
    const auto tell = [io = host_.io, weak = weak_from_this(), turn](HttpAnswer answer) {
      asio::post(*io, [weak, turn, answer = std::move(answer)]() mutable {
        if (const auto self = weak.lock(); self && self->turn_ == turn) self->write(std::move(answer));
      });
    };
    try {
      host_.routes.answer(std::move(request_), parser_->get().body(), tell);
    } catch (const std::exception& error) {
      tell(refusal(http::status::internal_server_error, "failed", error.what()));
    }
  }

  void limit_answer(std::uint64_t turn) {
    answer_timer_.expires_after(host_.limits.answer);
    answer_timer_.async_wait([weak = weak_from_this(), turn](const ErrorCode& cancelled) {
      const auto self = cancelled ? nullptr : weak.lock();
      if (!self || self->turn_ != turn) return;
      self->write(refusal(http::status::gateway_timeout, "timed out",
                          "the cache has not answered in time; the operation may still take effect"));
    });
  }

  /// An answer before the request was read completely: the rest of the request cannot be distinguished from
  /// the next one.
  void refuse(HttpAnswer answer) {
    ++turn_;
    if (!parser_->is_done()) last_ = true;
    write(std::move(answer));
  }

  void write(HttpAnswer answer) {
    ++turn_;  // prevents a second answer
    answer_timer_.cancel();
    const auto& header = parser_->get();
    response_.emplace(answer.status, parser_->is_header_done() ? header.version() : 11);
    response_->set(http::field::content_type, answer.content_type);
    for (const auto& [field, value] : answer.headers) response_->set(field, value);
    set_security_headers(*response_);
    response_->content_length(answer.body.size());
    if (header.method() != http::verb::head) response_->body() = std::move(answer.body);
    last_ = last_ || health_only_ || host_.closing || !parser_->is_header_done() || !header.keep_alive();
    response_->keep_alive(!last_);
    serializer_.emplace(*response_);
    await(Awaits::reader);
    write_part();
  }

  /// The limit is for each part, so that a large answer over a slow line arrives.
  void write_part() {
    tcp().expires_after(host_.limits.write);
    http::async_write_some(stream_, *serializer_,
                           [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                             if (failed) return self->end();
                             if (!self->serializer_->is_done()) return self->write_part();
                             if (self->last_ || self->host_.closing) return self->say_farewell();
                             self->expect_request();
                             self->read_header();
                           });
  }

  /// If the connection were closed at once, with unread bytes of the client, the client's system would drop
  /// the answer.
  void say_farewell() {
    await(Awaits::request);
    tcp().expires_after(host_.limits.farewell);
    if (stream_.has_tls()) {
      return stream_.shutdown([self = shared_from_this()](const ErrorCode&) { self->end(); });
    }
    ErrorCode ignored;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    drain();
  }

  void drain() {
    constexpr std::size_t most = std::size_t{1} << 20U;
    buffer_.clear();
    tcp().async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](const ErrorCode& failed, std::size_t size) {
                            self->drained_ += size;
                            failed || self->drained_ > most ? self->end() : self->drain();
                          });
  }

  void end() {
    if (!ended_) return;
    const auto ended = std::exchange(ended_, nullptr);
    ++turn_;
    answer_timer_.cancel();
    ErrorCode ignored;
    tcp().socket().close(ignored);
    ended(this);
  }

  SessionHost& host_;
  AnyStream stream_;
  asio::steady_timer answer_timer_;
  std::function<void(AdminSession*)> ended_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::empty_body>> go_on_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  AdminCaller caller_;
  AdminRequest request_;
  Awaits awaits_ = Awaits::request;
  TimePoint since_{};
  std::uint64_t turn_ = 0;    ///< the number of the awaited answer
  std::size_t searched_ = 0;  ///< of the buffer: no header ends before
  std::size_t drained_ = 0;
  const bool health_only_;
  bool last_ = false;  ///< the connection ends after this answer
};

}  // namespace

std::shared_ptr<AdminSession> make_session(asio::ip::tcp::socket socket, asio::ssl::context* tls,
                                           SessionHost& host, bool health_only,
                                           std::function<void(AdminSession*)> ended) {
  return std::make_shared<Session>(std::move(socket), tls, host, health_only, std::move(ended));
}

}  // namespace terrace::service
