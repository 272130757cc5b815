#pragma once
/// The Redis tier: a Tier over one Redis (6 or newer) or Valkey server. One connection carries the operations
/// of all threads; what is asked at the same time travels together (pipelining), so more callers cost less
/// each.
///
///     auto tier = terrace::make_redis_tier(
///         {.url = "rediss://user:secret@cache.example:6380/2", .key_prefix = "app:"});
///
/// Failures. A server that cannot be reached costs nothing beyond the first attempt: operations end at once
/// with Errc::unavailable (Errc::denied when it refused the credentials) while the tier reconnects in the
/// background: exponential back-off with full jitter
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Only the operations that find
/// the first attempt under way, or the first one after a connection broke, wait for it. A server that accepts
/// but does not answer is noticed twice: after `failures_to_open` operations in a row ran out of time the
/// circuit breaker refuses more (Errc::unavailable) until a probe was answered; and a connection silent
/// for 1.75 s, PINGs unanswered, is dropped. Nothing is retried behind the caller's back, but for this: a
/// server that is or becomes a replica leads to its primary, if that is on an allowed host
/// (RedisOptions::allowed_hosts), where the write that it refused is sent once more. After that the tier
/// looks for the server of the URL and for the primary it last had, in turns.
///
/// An operation that runs out of time leaves the connection as it is: its reply is dropped when it comes.
///
/// Tier::shared() gives leases and a watch (shared_tier.hpp). For a key k, key_prefix included, the server
/// holds ~lease:{k} while there is a lease and ~version:{k} beside a value that was written with a version;
/// keys of your own must not begin with ~lease:, ~version:, ~member: or ~charge:. Where the server may evict
/// keys, an evicted lease is void, and an evicted version guards no longer. A user with an ACL needs the keys
/// and the commands of both: SET travels in MULTI … EXEC, leases are scripts (EVALSHA, EVAL), the watch is
/// CLIENT TRACKING.
///
/// Tier::versioned() makes the server a node of a replicated tier (versioned_tier.hpp), if it never evicts
/// (maxmemory-policy noeviction, or no maxmemory) and shows INFO. For a key_prefix p it then holds
/// ~member:{p} and ~charge:{p} as well, and ~version:{k} also beside no value. Two tiers on one server are
/// two nodes only if neither key_prefix begins with the other.
///
/// The watch has a connection of its own. Set client-output-buffer-limit of class normal: for a process that
/// stands still Redis otherwise keeps what it should tell it, without a limit.

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
  /// Where the server is; user, password and path percent-encoded:
  ///  - redis://[user[:password]@]host[:port][/database][?allowed_hosts=a,b]; the port is 6379 when left out
  ///  - rediss://… the same over TLS 1.2 or newer; the certificate must be valid for the host
  ///  - unix://[user[:password]@]/path/to/socket[?db=N][&allowed_hosts=a,b], also as redis+unix://
  std::string url = "redis://127.0.0.1:6379";

  /// Where a server may lead to, besides the hosts of the URL (of the seeds), on whatever port: a replica
  /// names its primary, a node of a cluster the others. Each is a host (IPv6 without brackets), a network
  /// (10.0.0.0/8), *.example for the names below one, or * for every host. Any other host is not connected
  /// to, and so gets no password: Errc::denied. Those of the URL's allowed_hosts are added. Over TLS the
  /// certificate must be valid for each host that is connected to.
  std::vector<std::string> allowed_hosts = {};

  /// Put before every key. With an empty one, erase_prefix("") removes all keys of the database.
  std::string key_prefix = {};

  /// For resolving, connecting, the TLS handshake and logging in together. Operations have their own
  /// deadlines.
  Duration connect_timeout = std::chrono::seconds(1);

  /// Larger values are refused with Errc::value_too_large, larger ones found are skipped without being held
  /// in memory. At most 512 MiB, which is Redis' own limit.
  std::size_t max_value_bytes = std::size_t{64} << 20;

  /// rediss only: PEM file of the authorities to trust instead of the system's.
  std::string ca_file = {};
  /// rediss only: PEM files of the certificate (chain) and key to show to the server. Both or neither.
  std::string cert_file = {};
  std::string key_file = {};

  /// Operations in a row that must run out of time before the breaker opens.
  unsigned failures_to_open = 5;
  /// How long the open breaker waits before it sends a probe.
  Duration open_time = std::chrono::seconds(1);
  /// Longest wait between two attempts to connect.
  Duration reconnect_cap = std::chrono::seconds(2);
};

/// Throws ConfigError for options that cannot work (it names the part and never shows the password). Never
/// throws because the server is away: connecting begins in the background.
std::shared_ptr<Tier> make_redis_tier(RedisOptions options,
                                      std::shared_ptr<Runtime> runtime = Runtime::common());

/// How the connections of a Redis tier fare, for monitoring.
struct RedisStatus {
  bool connected = false;
  bool breaker_open = false;
  std::uint64_t connects = 0;         ///< connections that were made and accepted the login
  std::uint64_t failed_connects = 0;  ///< attempts that came to nothing
  std::uint64_t breaker_openings = 0;
  std::uint64_t refused_hosts = 0;  ///< times the server led to a host that is not allowed
  std::string last_error = {};  ///< why the last connection or attempt ended; empty when there was no trouble
  // The connection of SharedTier::watch, which there is while something is watched.
  bool watching = false;
  std::uint64_t watch_connects = 0;
  std::string last_watch_error = {};
};

/// Nothing when the tier is not a Redis tier. Thread safe.
std::optional<RedisStatus> redis_status(const Tier& tier);

}  // namespace terrace
