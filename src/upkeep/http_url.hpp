#pragma once
/// HttpUrl: the parts of an http or https URL, as a client needs them.

#include <string>
#include <string_view>

namespace terrace::upkeep {

struct HttpUrl {
  bool tls = false;
  std::string host;           ///< name or address, IPv6 without brackets
  std::string port;           ///< a number
  std::string target;         ///< path and query, still encoded; secret
  std::string authorization;  ///< "Basic …" of user:password@; empty: none; secret

  /// "https://host:port": for messages; the only part that is not secret.
  [[nodiscard]] std::string label() const;
  /// The value of the Host header.
  [[nodiscard]] std::string authority() const;
};

/// Throws ConfigError, which shows nothing of the URL.
HttpUrl parse_http_url(std::string_view url);

}  // namespace terrace::upkeep
