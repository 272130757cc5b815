#include "service/listen_address.hpp"

#include <boost/asio/io_context.hpp>
#include <charconv>
#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::service {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  // With one of these characters it may be a URL meant for another option, with its password.
  const bool shown = text.find_first_of("/@") == std::string::npos;
  throw ConfigError("admin: listen " + (shown ? printable_key(text) + " " : std::string()) + why +
                    ": write HOST:PORT, as in 127.0.0.1:9390, [::1]:9390, or 127.0.0.1:0 for any free port");
}

asio::ip::address resolve(const std::string& text, const std::string& host) {
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  if (!failed) return address;
  asio::io_context io;
  const auto found = Tcp::resolver(io).resolve(host, "", failed);
  if (failed || found.empty()) refuse(text, "names no host of this machine (" + failed.message() + ")");
  return found.begin()->endpoint().address();
}

}  // namespace

HostPort split_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) refuse(text, "has no host or no port");
  std::string host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (!brackets && host.find(':') != std::string::npos) refuse(text, "has an IPv6 address without brackets");
  unsigned short port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || rest != end) refuse(text, "has no port from 0 to 65535");
  return {host, port};
}

ListenAddress parse_listen(const std::string& text) {
  const auto [host, port] = split_listen(text);
  return {host, {resolve(text, host), port}};
}

}  // namespace terrace::service
