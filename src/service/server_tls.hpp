#pragma once
/// TLS for servers.

#include <boost/asio/ssl/context.hpp>
#include <optional>
#include <string>

namespace terrace::service {

/// TLS 1.2 or newer with this certificate (chain) and key, PEM files. None: the names are empty. Throws
/// ConfigError that names the file.
[[nodiscard]] std::optional<boost::asio::ssl::context> server_tls(const std::string& certificate,
                                                                  const std::string& key);

}  // namespace terrace::service
