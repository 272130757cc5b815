#pragma once
/// The Redis tier: a Tier over one Redis (6 or newer) or Valkey server. One connection carries the operations
/// of all threads. Operations that start at the same time are sent together (pipelining), so the cost of each
/// falls as the number of callers grows.
///
///     auto tier = terrace::make_redis_tier(
///         {.url = "rediss://user:secret@cache.example:6380/2", .key_prefix = "app:"});
///
/// Failures. A server that cannot be reached costs nothing after the first attempt: operations end at once
/// with Errc::unavailable (Errc::denied if it rejected the credentials) while the tier reconnects in the
/// background, with exponential backoff and full jitter
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Only operations that meet the
/// first attempt, or the first one after a connection broke, wait for it.
///
/// A server that accepts connections but does not answer is detected in two ways. After `failures_to_open`
/// operations in a row ran out of time, the circuit breaker rejects operations (Errc::unavailable) until a
/// probe is answered. It also opens in a brown-out: if within 10 s at least `failures_to_open` operations
/// timed out, and these are at least 15 % of the operations (20 or more). Then it closes after 20 probes in a
/// row that were answered in time.
/// A connection that is silent for 1.75 s, with PINGs unanswered, is dropped.
///
/// Nothing is retried without the caller's knowledge, with one exception. A server that is or becomes a
/// replica leads to its primary, if that is on an allowed host (RedisOptions::allowed_hosts); the write that
/// the replica rejected is sent once more, to the primary. After that, the tier tries the server of the URL
/// and its last primary in turns.
///
/// An operation that runs out of time does not affect the connection: its reply is dropped when it arrives.
///
/// Tier::shared() gives leases and an invalidation stream (shared_tier.hpp). For a key k, key_prefix
/// included, the server holds ~lease:{k} while there is a lease, and ~version:{k} beside a value that was
/// written with a version. Your own keys must not begin with ~lease:, ~version:, ~member: or ~charge:. If the
/// server may evict keys: an evicted lease is invalid, and an evicted version no longer protects its key. A
/// user with an ACL needs these keys and the commands for both: SET is sent in MULTI … EXEC, leases are
/// scripts (EVALSHA, EVAL), and the invalidation stream uses CLIENT TRACKING.
///
/// Tier::versioned() makes the server a node of a replicated tier (versioned_tier.hpp), if it never evicts
/// (maxmemory-policy noeviction, or no maxmemory) and allows INFO. For a key_prefix p the server then also
/// holds ~member:{p} and ~charge:{p}, and ~version:{k} also for keys without a value. Two tiers on one server
/// are two nodes only if neither key_prefix begins with the other.
///
/// The invalidation stream has its own connection. Set client-output-buffer-limit for the class normal:
/// otherwise Redis buffers messages for a stalled process without a limit.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace {

struct RedisOptions {
  /// Where the server is. User, password and path are percent-encoded:
  ///  - redis://[user[:password]@]host[:port][/database][?allowed_hosts=a,b]; the port is 6379 when left out
  ///  - rediss://… the same over TLS 1.2 or newer; the certificate must be valid for the host
  ///  - unix://[user[:password]@]/path/to/socket[?db=N][&allowed_hosts=a,b], also as redis+unix://
  std::string url = "redis://127.0.0.1:6379";

  /// Hosts that a server may lead to, on any port, in addition to the hosts of the URL (of the seeds): a
  /// replica names its primary, a node of a cluster names the others. Each item is a host (IPv6 without
  /// brackets), a network (10.0.0.0/8), *.example for the names below one, or * for every host. The tier does
  /// not connect to any other host, and so sends it no password: Errc::denied. The URL's allowed_hosts are
  /// added. Over TLS the certificate must be valid for each host that the tier connects to.
  std::vector<std::string> allowed_hosts = {};

  /// Prefix of every key. If it is empty, erase_prefix("") removes all keys of the database.
  std::string key_prefix = {};

  /// Limit for name resolution, connecting, the TLS handshake and login together. Operations have their own
  /// deadlines.
  Duration connect_timeout = std::chrono::seconds(1);

  /// A larger value is rejected with Errc::value_too_large; a larger stored value is skipped without being
  /// held in memory. At most 512 MiB, which is the limit of Redis.
  std::size_t max_value_bytes = std::size_t{64} << 20;

  /// rediss only: PEM file of the certificate authorities to trust instead of the system's.
  std::string ca_file = {};
  /// rediss only: PEM files of the client certificate (chain) and its key. Set both or neither.
  std::string cert_file = {};
  std::string key_file = {};

  /// This many operations must run out of time before the circuit breaker opens: in a row, or as a share of
  /// the operations of the last 10 s.
  unsigned failures_to_open = 5;
  /// How long the open circuit breaker waits before it sends a probe.
  Duration open_time = std::chrono::seconds(1);
  /// Longest wait between two attempts to connect.
  Duration reconnect_cap = std::chrono::seconds(2);
};

/// Throws ConfigError for options that cannot work (it names the part and never shows the password). A server
/// that is down is no error: connecting begins in the background.
std::shared_ptr<Tier> make_redis_tier(RedisOptions options,
                                      std::shared_ptr<Runtime> runtime = Runtime::common());

/// The state of the connections of a Redis tier, for monitoring.
struct RedisStatus {
  bool connected = false;
  bool breaker_open = false;
  std::uint64_t connects = 0;         ///< connections that were made and accepted the login
  std::uint64_t failed_connects = 0;  ///< failed attempts to connect
  std::uint64_t breaker_openings = 0;
  std::uint64_t refused_hosts = 0;  ///< times the server led to a host that is not allowed
  std::string last_error = {};      ///< why the last connection or attempt ended; empty: no trouble so far
  // The connection of SharedTier::watch, which exists while a watch is active.
  bool watching = false;
  std::uint64_t watch_connects = 0;
  std::string last_watch_error = {};
};

/// Nothing if the tier is not a Redis tier. Thread safe.
std::optional<RedisStatus> redis_status(const Tier& tier);

}  // namespace terrace
