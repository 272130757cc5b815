#include "runtime/tls.hpp"

#include <boost/asio/ip/address.hpp>
#include <terrace/result.hpp>

namespace terrace {

namespace asio = boost::asio;

bool expect_host(SSL* ssl, const std::string& host) {
  boost::system::error_code not_address;
  asio::ip::make_address(host, not_address);
  if (!not_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

asio::ssl::context make_tls_context(const std::string& options, const std::string& ca_file,
                                    const std::string& cert_file, const std::string& key_file) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  context.set_verify_mode(asio::ssl::verify_peer);
  const auto check = [&](const boost::system::error_code& ec, const char* option, const std::string& path) {
    if (!ec) return;
    throw ConfigError(options + "::" + option + ": " + path + " is not a readable PEM file: " + ec.message());
  };
  boost::system::error_code ec;
  if (ca_file.empty()) {
    context.set_default_verify_paths(ec);
    check(ec, "ca_file", "(the system's)");
  } else {
    context.load_verify_file(ca_file, ec);
    check(ec, "ca_file", ca_file);
  }
  if (!cert_file.empty()) {
    context.use_certificate_chain_file(cert_file, ec);
    check(ec, "cert_file", cert_file);
    context.use_private_key_file(key_file, asio::ssl::context::pem, ec);
    check(ec, "key_file", key_file);
  }
  return context;
}

}  // namespace terrace
