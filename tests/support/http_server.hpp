#pragma once
/// HttpServer: an HTTP or HTTPS server of its own for a test, on a free loopback port, which answers as
/// planned.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/any_stream.hpp"
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
                      std::string body = "whatever a server says");
  ~HttpServer();
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

  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<AnyStream> stream);

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
