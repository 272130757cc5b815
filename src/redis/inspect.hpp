#pragma once
/// inspect: asks a server once for its version and settings, on a separate connection.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/redis.hpp>

namespace terrace::redis {

struct ServerReport {
  std::string version = {};  ///< "7.0.15"; for Valkey its own version
  bool is_valkey = false;
  std::string policy = {};            ///< maxmemory-policy; empty: not reported
  std::uint64_t maxmemory = 0;        ///< bytes; 0: no limit
  std::optional<WallTime> time = {};  ///< its clock
};

/// Connects, logs in, asks for INFO and closes. Calls `done` once, on the I/O thread, at the latest shortly
/// after the deadline: with the report, or the reason why there is none. Throws ConfigError for options that
/// cannot work.
void inspect(const std::shared_ptr<Runtime>& runtime, RedisOptions options, TimePoint deadline,
             Handler<Result<ServerReport>> done);

}  // namespace terrace::redis
