#pragma once
/// HttpServer: an HTTP or HTTPS server of its own for a test, on a free loopback port, which answers as
/// planned.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/child_process.hpp"

namespace terrace::testing {

class HttpServer {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  /// The status of the n-th answer, from 0; `hangs`: none, and the connection stays.
  using Plan = std::function<unsigned(std::size_t n)>;
  static constexpr unsigned hangs = 0;

  /// `certificate`: a directory with server.crt and server.key; none: no TLS.
  explicit HttpServer(Plan plan, const std::string& certificate = {},
                      std::string body = "whatever a server says")
      : plan_(std::move(plan)), body_(std::move(body)) {
    if (!certificate.empty()) {
      tls_ = std::make_unique<Tls>(Tls::tls_server);
      tls_->use_certificate_chain_file(certificate + "/server.crt");
      tls_->use_private_key_file(certificate + "/server.key", Tls::pem);
    }
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpServer() {
    io_.stop();
    thread_.join();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/", const std::string& user = "") const {
    return (tls_ ? "https://" : "http://") + user +
           "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  [[nodiscard]] std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::size_t count() const { return requests().size(); }

 private:
  using Tcp = boost::asio::ip::tcp;
  using Tls = boost::asio::ssl::context;
  using TlsStream = boost::asio::ssl::stream<Tcp::socket>;

  boost::asio::awaitable<void> accept() {
    while (true) {
      auto socket =
          std::make_shared<Tcp::socket>(co_await acceptor_.async_accept(boost::asio::use_awaitable));
      boost::asio::co_spawn(io_, tls_ ? greet(socket) : serve(socket), boost::asio::detached);
    }
  }
  boost::asio::awaitable<void> greet(std::shared_ptr<Tcp::socket> socket) {
    auto stream = std::make_shared<TlsStream>(std::move(*socket), *tls_);
    co_await stream->async_handshake(TlsStream::server, boost::asio::use_awaitable);
    co_await serve(stream);
  }
  template <class Stream>
  boost::asio::awaitable<void> serve(std::shared_ptr<Stream> stream) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    Request request;
    co_await http::async_read(*stream, buffer, request, boost::asio::use_awaitable);
    unsigned status = hangs;
    {
      const std::lock_guard lock(mutex_);
      status = plan_(requests_.size());
      requests_.push_back(std::move(request));
      if (status == hangs) held_.push_back(stream);
    }
    if (status == hangs) co_return;
    http::response<http::string_body> answer(static_cast<http::status>(status), 11);
    answer.body() = body_;
    answer.prepare_payload();
    co_await http::async_write(*stream, answer, boost::asio::use_awaitable);
  }

  const Plan plan_;
  const std::string body_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Tls> tls_;
  Tcp::acceptor acceptor_{io_, Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)};
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<std::shared_ptr<void>> held_;
  std::thread thread_;
};

/// Makes server.crt, for these names and signed by itself, and server.key in the directory.
inline void make_certificate(const std::string& directory, const std::string& names) {
  run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-days", "2", "-subj", "/CN=terrace test", "-addext", "subjectAltName=" + names,
               "-keyout", directory + "/server.key", "-out", directory + "/server.crt"});
}

}  // namespace terrace::testing
