#include "upkeep/http_post.hpp"

#include <boost/asio/post.hpp>

#include "runtime/io_context.hpp"
#include "upkeep/http_exchange.hpp"

namespace terrace::upkeep {

namespace asio = boost::asio;
namespace {

/// The meaning of an answer: nothing, or the error.
Result<void> judge(unsigned status, const std::string& label) {
  if (status >= 200 && status < 300) return {};
  const bool may_pass = status == 408 || status == 429 || status >= 500;
  return Error(may_pass ? Errc::unavailable : Errc::denied, label + " answered " + std::to_string(status));
}

class HttpPost final : public Post, public std::enable_shared_from_this<HttpPost> {
 public:
  HttpPost(HttpPostOptions options, std::shared_ptr<Runtime> runtime)
      : options_(std::move(options)),
        peer_(std::make_shared<HttpPeer>(options_.url, "WebhookOptions", options_.ca_file)),
        runtime_(std::move(runtime)) {}

  void post(std::string body, Handler<Result<void>> done) override {
    asio::post(io(), [self = shared_from_this(), body = std::move(body), done = std::move(done)]() mutable {
      if (self->closed_) return;
      self->under_way_ = HttpExchange::start(
          self->io(), self->peer_, self->request(std::move(body)),
          [label = self->peer_->url.label(), done = std::move(done)](Result<HttpReply> reply) mutable {
            done(reply ? judge(reply->status, label) : Result<void>(reply.error()));
          });
    });
  }

  void close() override {
    asio::post(io(), [self = shared_from_this()] {
      self->closed_ = true;
      if (const auto exchange = self->under_way_.lock()) exchange->cancel();
    });
  }

 private:
  [[nodiscard]] HttpRequest request(std::string&& body) const {
    return {.method = "POST",
            .target = options_.url.target,
            .headers = options_.headers,
            .content_type = options_.content_type,
            .body = std::move(body),
            .timeout = options_.timeout};
  }
  [[nodiscard]] asio::io_context& io() const noexcept { return io_context(*runtime_); }

  const HttpPostOptions options_;
  const std::shared_ptr<const HttpPeer> peer_;
  const std::shared_ptr<Runtime> runtime_;
  // Used on the I/O context only. Its handlers keep an exchange alive, so it ends with the context at the
  // latest.
  std::weak_ptr<HttpExchange> under_way_;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Post> make_http_post(HttpPostOptions options, std::shared_ptr<Runtime> runtime) {
  return std::make_shared<HttpPost>(std::move(options), std::move(runtime));
}

}  // namespace terrace::upkeep
