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
  explicit Greeting(const RedisUrl& url) : url_(url) {}

  /// Appends the commands; returns how many.
  std::size_t encode(std::string& out) const;
  void take(std::size_t index, const Node& node);
  /// Why the server does not let us in; null: it does.
  [[nodiscard]] const Error* refused() const noexcept { return refused_ ? &*refused_ : nullptr; }

 private:
  const RedisUrl& url_;
  std::optional<Error> refused_;
};

}  // namespace terrace::redis
