#include "support/http_client.hpp"

#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace terrace::testing {

HttpClient::HttpClient(unsigned short port, const std::string& ca_file) : port_(port) {
  namespace asio = boost::asio;
  socket_.connect({asio::ip::make_address("127.0.0.1"), port});
  // A server that does not answer fails the test, instead of holding it up.
  const timeval limit{20, 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (ca_file.empty()) return;
  context_.set_verify_mode(asio::ssl::verify_peer);
  context_.load_verify_file(ca_file);
  tls_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, context_);
  tls_->handshake(asio::ssl::stream_base::client);
}

HttpReply HttpClient::request(const std::string& method, const std::string& target, const std::string& body,
                              const HttpHeaders& headers) {
  namespace http = boost::beast::http;
  http::request<http::string_body> message;
  message.method_string(method);
  message.target(target);
  message.version(11);
  message.set(http::field::host, "127.0.0.1:" + std::to_string(port_));
  for (const auto& [name, value] : headers) message.set(name, value);
  message.body() = body;
  if (!body.empty() || method == "POST" || method == "PUT") message.prepare_payload();
  tls_ ? http::write(*tls_, message) : http::write(socket_, message);
  return read(method == "HEAD");
}

HttpReply HttpClient::read(bool head) {
  namespace http = boost::beast::http;
  http::response_parser<http::string_body> parser;
  parser.skip(head);
  tls_ ? http::read(*tls_, buffer_, parser) : http::read(socket_, buffer_, parser);
  return {parser.get().result_int(), parser.get().body(), parser.get()};
}

void HttpClient::send(const std::string& bytes) {
  boost::asio::write(socket_, boost::asio::buffer(bytes));
}

bool HttpClient::is_closed() {
  char byte = 0;
  boost::system::error_code failed;
  socket_.read_some(boost::asio::buffer(&byte, 1), failed);
  return failed == boost::asio::error::eof || failed == boost::asio::error::connection_reset;
}

}  // namespace terrace::testing
