#pragma once
/// The address on which the admin endpoint listens.

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace terrace::service {

struct ListenAddress {
  std::string host;  ///< as it was given, without brackets
  boost::asio::ip::tcp::endpoint endpoint;

  /// True if other machines cannot reach it.
  [[nodiscard]] bool is_loopback() const { return endpoint.address().is_loopback(); }
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

}  // namespace terrace::service
