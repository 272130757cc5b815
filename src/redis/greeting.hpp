#pragma once
/// Greeting: the first words on a connection: HELLO 3 (RESP3) with the login and the connection's name, and
/// SELECT. Knows no socket.

#include <optional>
#include <string>
#include <terrace/result.hpp>

#include "redis/redis_url.hpp"
#include "redis/resp.hpp"

namespace terrace::redis {

class Greeting {
 public:
  /// `reads_replicas`: a replica in a cluster shall answer reads itself (READONLY).
  explicit Greeting(const RedisUrl& url, bool reads_replicas = false)
      : url_(url), reads_replicas_(reads_replicas) {}

  /// Appends the commands; returns how many.
  std::size_t encode(std::string& out) const;
  void take(std::size_t index, const Node& node);
  /// Why the server does not let us in; null: it does.
  [[nodiscard]] const Error* refused() const noexcept { return refused_ ? &*refused_ : nullptr; }
  /// Whether the server says it is one.
  [[nodiscard]] bool is_replica() const noexcept { return is_replica_; }

 private:
  const RedisUrl& url_;
  const bool reads_replicas_;
  bool role_follows_ = false;
  bool is_replica_ = false;
  std::optional<Error> refused_;
};

}  // namespace terrace::redis
