#pragma once
/// The address on which the admin endpoint listens.

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

namespace terrace::service {

struct ListenAddress {
  std::string host;  ///< as it was given, without brackets
  boost::asio::ip::tcp::endpoint endpoint;

  /// True if other machines cannot reach it.
  [[nodiscard]] bool is_loopback() const { return endpoint.address().is_loopback(); }
  /// The names that a Host header may contain, lower case, without port. Empty: anything.
  ///
  /// A page of any site can make a browser send requests to this machine, if the site lets its own name point
  /// to 127.0.0.1 (DNS rebinding); then the browser treats the answer as one of that site. The name in the
  /// Host header reveals this.
  [[nodiscard]] std::vector<std::string> host_names() const;
};

/// A host without brackets, and a port.
struct HostPort {
  std::string host;
  unsigned short port = 0;
};

/// "127.0.0.1:9390", "[::1]:9390", "localhost:0". Throws ConfigError.
[[nodiscard]] HostPort split_listen(const std::string& text);

/// The same with its address: names are resolved. Throws ConfigError.
[[nodiscard]] ListenAddress parse_listen(const std::string& text);

/// "127.0.0.1" from "127.0.0.1:9390", "::1" from "[::1]:9390"; lower case.
[[nodiscard]] std::string host_of(std::string_view host_header);

}  // namespace terrace::service
