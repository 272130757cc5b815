#pragma once
/// Where the admin endpoint listens.

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

namespace terrace::service {

struct ListenAddress {
  std::string host;  ///< as it was given, without brackets
  boost::asio::ip::tcp::endpoint endpoint;

  /// Other machines do not reach it.
  [[nodiscard]] bool is_loopback() const { return endpoint.address().is_loopback(); }
  /// What a Host header may name, lower case, without port. Empty: anything.
  ///
  /// A page of any site can make a browser ask this machine, once it has let its own name point to 127.0.0.1
  /// (DNS rebinding); then the browser takes the answer for one of that site. The name in the Host header
  /// gives it away.
  [[nodiscard]] std::vector<std::string> host_names() const;
};

/// A host without brackets, and a port.
struct HostPort {
  std::string host;
  unsigned short port = 0;
};

/// "127.0.0.1:9390", "[::1]:9390", "localhost:0". Throws ConfigError.
[[nodiscard]] HostPort split_listen(const std::string& text);

/// The same with its address: names are looked up. Throws ConfigError.
[[nodiscard]] ListenAddress parse_listen(const std::string& text);

/// "127.0.0.1" of "127.0.0.1:9390", "::1" of "[::1]:9390"; lower case.
[[nodiscard]] std::string host_of(std::string_view host_header);

}  // namespace terrace::service
