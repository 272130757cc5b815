#pragma once
/// RedisUrl: the parts of a Redis URL, decoded.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace terrace::redis {

enum class Transport { tcp, tls, unix_socket };

struct RedisUrl {
  Transport transport = Transport::tcp;
  std::string host;  ///< name or address, IPv6 without brackets; empty for unix sockets
  std::string port = "6379";
  std::string path;  ///< unix sockets only
  std::string user;  ///< empty: Redis' "default"
  std::optional<std::string> password;
  unsigned database = 0;
  std::vector<std::string> allowed_hosts = {};  ///< like RedisOptions::allowed_hosts

  /// "host:port" or the path: for messages. Contains no secret.
  [[nodiscard]] std::string label() const;
};

/// Throws ConfigError, which names the wrong part and shows nothing of the URL: where a password is not
/// encoded, any part may belong to it.
RedisUrl parse_redis_url(std::string_view url);

/// "a,b" after allowed_hosts=, decoded.
std::vector<std::string> parse_allowed_hosts(std::string_view text);

}  // namespace terrace::redis
