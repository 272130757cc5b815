#pragma once
/// HttpClient: a blocking client over one connection to this machine, for tests of servers.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/json/parse.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace terrace::testing {

struct HttpReply {
  unsigned status = 0;
  std::string body;
  boost::beast::http::fields headers;

  [[nodiscard]] boost::json::object json() const { return boost::json::parse(body).as_object(); }
  [[nodiscard]] std::string header(std::string_view name) const { return std::string(headers[name]); }
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

class HttpClient {
 public:
  /// With a PEM file of authorities: TLS. Throws boost::system::system_error, as every function.
  explicit HttpClient(unsigned short port, const std::string& ca_file = {});

  HttpReply request(const std::string& method, const std::string& target, const std::string& body = {},
                    const HttpHeaders& headers = {});
  HttpReply read(bool head = false);
  void send(const std::string& bytes);
  /// True: the server has closed the connection, now or before the limit of 20 s.
  bool is_closed();

 private:
  const unsigned short port_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_{io_};
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace terrace::testing
