#include "service/server_tls.hpp"

#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::service {

namespace ssl = boost::asio::ssl;
using ErrorCode = boost::system::error_code;

std::optional<ssl::context> server_tls(const std::string& certificate, const std::string& key) {
  if (certificate.empty()) return std::nullopt;
  ssl::context context(ssl::context::tls_server);
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                      ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION);
  // For an encrypted key OpenSSL would ask for the password on the terminal.
  context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); });
  ErrorCode failed;
  context.use_certificate_chain_file(certificate, failed);
  if (failed) {
    throw ConfigError("admin: tls_certificate " + printable_key(certificate) +
                      " is not a readable PEM certificate (" + failed.message() + ")");
  }
  context.use_private_key_file(key, ssl::context::pem, failed);
  if (failed) {
    throw ConfigError(
        "admin: tls_key " + printable_key(key) +
        " is not a readable PEM key without a password, or does not belong to the certificate (" +
        failed.message() + ")");
  }
  return context;
}

}  // namespace terrace::service
