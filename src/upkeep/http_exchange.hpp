#pragma once
/// HttpExchange: one request by HTTP or HTTPS and its answer, over its own connection, with a time limit.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

#include "upkeep/http_url.hpp"

namespace terrace::upkeep {

/// The target server of all requests.
struct HttpPeer {
  /// `options` names the owner of ca_file in messages. Throws ConfigError if the file of certificate
  /// authorities cannot be read.
  HttpPeer(HttpUrl to, const std::string& options, const std::string& ca_file);

  const HttpUrl url;
  mutable std::optional<boost::asio::ssl::context> tls;  ///< for https
};

struct HttpRequest {
  std::string method;
  std::string target;  ///< path and query, encoded
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string content_type = {};  ///< empty: there is no body
  std::string body = {};
  Duration timeout;
  std::size_t max_body = 0;  ///< maximum size of the answer's body in bytes; 0: it is not read
};

struct HttpReply {
  unsigned status = 0;
  std::string body = {};
};

/// Used on the I/O context only; its handlers keep it alive.
class HttpExchange {
 public:
  /// Starts the request. Any answer is a reply, whatever its status; otherwise Errc::unavailable, denied or
  /// timed_out. Messages contain neither path nor headers.
  static std::shared_ptr<HttpExchange> start(boost::asio::io_context& io,
                                             std::shared_ptr<const HttpPeer> peer, HttpRequest request,
                                             Handler<Result<HttpReply>> done);
  virtual ~HttpExchange() = default;

  /// `done` will not be called.
  virtual void cancel() = 0;
};

}  // namespace terrace::upkeep
