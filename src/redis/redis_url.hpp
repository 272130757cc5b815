#pragma once
/// RedisUrl: the parts of a Redis URL, decoded.

#include <optional>
#include <string>
#include <string_view>

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

  /// "host:port" or the path: for messages. Holds no secret.
  [[nodiscard]] std::string label() const;
};

/// Throws ConfigError, which names the part at fault and shows no more of the URL than that part, and never a
/// password.
RedisUrl parse_redis_url(std::string_view url);

}  // namespace terrace::redis
