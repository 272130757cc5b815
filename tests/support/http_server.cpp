#include "support/http_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

namespace terrace::testing {

HttpServer::HttpServer(Plan plan, const std::string& certificate, std::string body)
    : plan_(std::move(plan)), body_(std::move(body)) {
  if (!certificate.empty()) {
    tls_ = std::make_unique<Tls>(Tls::tls_server);
    tls_->use_certificate_chain_file(certificate + "/server.crt");
    tls_->use_private_key_file(certificate + "/server.key", Tls::pem);
  }
  boost::asio::co_spawn(io_, accept(), boost::asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

HttpServer::~HttpServer() {
  io_.stop();
  thread_.join();
}

boost::asio::awaitable<void> HttpServer::accept() {
  while (true) {
    auto socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
    boost::asio::co_spawn(io_, serve(std::make_shared<AnyStream>(std::move(socket), tls_.get())),
                          boost::asio::detached);
  }
}

boost::asio::awaitable<void> HttpServer::serve(std::shared_ptr<AnyStream> stream) {
  namespace http = boost::beast::http;
  if (stream->has_tls()) {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(AnyStream::ErrorCode)>(
        [&](auto handler) { stream->handshake(boost::asio::ssl::stream_base::server, std::move(handler)); },
        boost::asio::use_awaitable);
  }
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

}  // namespace terrace::testing
