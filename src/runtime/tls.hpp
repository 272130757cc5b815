#pragma once
/// TLS for clients: which certificates are accepted. For the layers that own sockets.

#include <boost/asio/ssl/context.hpp>
#include <string>

namespace terrace {

/// Requires a certificate for this name or address; a name is also sent to the server (SNI). False: OpenSSL
/// rejects the host.
[[nodiscard]] bool expect_host(SSL* ssl, const std::string& host);

/// Checks certificates against the system's authorities, or `ca_file`; TLS 1.2 or newer. Throws ConfigError
/// for unreadable files, as "OPTIONS::ca_file: …".
[[nodiscard]] boost::asio::ssl::context make_tls_context(const std::string& options,
                                                         const std::string& ca_file,
                                                         const std::string& cert_file = {},
                                                         const std::string& key_file = {});

}  // namespace terrace
