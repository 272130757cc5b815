#pragma once
/// The PostgreSQL tier: entries in one table of a PostgreSQL server (13 or newer). All processes that name
/// the same table share it.
///
///     auto db = terrace::make_postgres_tier(
///         {.url = "postgresql://app:secret@db.example/cache?sslmode=verify-full"});
///
/// A few connections, opened when needed, carry the operations of all threads, pipelined. An operation that
/// finds no free place on a connection waits for one until its deadline. An operation that runs out of time
/// ends; its reply is dropped when it arrives. A connection that owes such a reply and makes no progress for
/// a second is given up; its other operations end with Errc::io_error, effect unknown.
///
/// A server that cannot be reached, or refuses the login (Errc::denied), costs nothing after the first
/// attempt: operations end at once while the tier reconnects in the background, with backoff and full jitter.
/// Nothing is retried without the caller's knowledge.
///
/// A row ends by the server's clock, after the TTL and the grace of its entry. How long the entry is fresh counts
/// by the wall clocks of the processes, which should agree; in a cache that also has a Redis server, by the
/// clock of that server.
///
/// The table, as create_table makes it. With create_table off, create it yourself:
///
///     CREATE UNLOGGED TABLE terrace_cache (
///       key bytea PRIMARY KEY, whole_key bytea, value bytea NOT NULL, expires timestamptz,
///       version bigint NOT NULL);
///     ALTER TABLE terrace_cache ALTER COLUMN value SET STORAGE EXTERNAL;
///     CREATE INDEX terrace_cache_expires ON terrace_cache (expires);
///
/// Whose code runs. Code attached to a table (triggers, rules, policies, expressions, operators of its types)
/// runs with the rights of the role that uses the table. Therefore the sessions of the tier see only the
/// server's own functions and operators (search_path = pg_catalog, pg_temp), and the tier uses a table only
/// if both conditions hold. First, its owner is the role that connects, a role of which it is a member, a
/// superuser, or the owner of the database. Second, it is a plain table as above: no view, partition or
/// inheritance; no trigger, rule, row security, default, generated column or index over an expression; no
/// types or functions that are not the server's own. Any other table is rejected: Errc::denied, with the
/// reason. If several roles share a table, a common role must own it (ALTER TABLE … OWNER TO). The owner of
/// the schema can replace the table and is therefore trusted.
///
/// For a key longer than 2,000 bytes, `key` holds its first 2,000 bytes and its SHA-256, and `whole_key`
/// holds all of it. `version` holds the bits of an unsigned number.
///
/// A pooler between the tier and the server must give each client a session of its own (PgBouncer:
/// pool_mode=session). One that shares sessions (pool_mode=transaction) is refused before anything is set in a
/// session: Errc::incompatible, with the reason.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>

namespace terrace {

struct PostgresOptions {
  /// In the form that libpq takes:
  /// postgresql://[user[:password]@][host][:port][/database][?sslmode=verify-full&…] or "host=… user=…
  /// sslrootcert=…". Missing parts come from libpq's defaults (PGPASSFILE, PGUSER, …). TLS is libpq's: its
  /// default sslmode=prefer encrypts if the server can, and checks no certificate.
  std::string url = "postgresql://127.0.0.1:5432";
  /// Letters, digits and _, at most 55; a schema may precede it: "caches.pages". Case matters. Without a
  /// schema: the first schema of the role's search_path that has the table, otherwise the first that exists.
  std::string table = "terrace_cache";
  /// Create the table if it is absent; needs the right to CREATE in its schema.
  bool create_table = true;
  /// For a table that the tier creates: it has no write-ahead log, so it is faster, and empty after a crash
  /// of the server. An existing table is not changed.
  bool unlogged = true;

  /// At most this many connections.
  unsigned connections = 4;
  /// Limit for name resolution, connecting, TLS, login, and checking or creating the table together.
  Duration connect_timeout = std::chrono::seconds(2);
  /// The server ends a statement after this time, because its caller may have given up; to the millisecond.
  Duration statement_timeout = std::chrono::seconds(5);
  /// Longest wait between two attempts to connect.
  Duration reconnect_cap = std::chrono::seconds(2);
  /// How often expired entries are removed, in small batches. They are misses from the moment they expire.
  Duration purge_interval = std::chrono::minutes(1);
  /// A longer value is Errc::value_too_large; a longer stored value is not fetched. At most 512 MiB.
  std::size_t max_value_bytes = std::size_t{64} << 20;
};

/// Statistics that only this tier has.
struct PostgresStats {
  unsigned connections = 0;           ///< open now
  std::uint64_t connects = 0;         ///< successful connections
  std::uint64_t failed_connects = 0;  ///< failed attempts to connect
  std::uint64_t purged = 0;           ///< expired entries removed by this tier
  std::string last_error = {};        ///< why the last connection or attempt ended; empty: no trouble so far
};

class PostgresTier : public Tier {
 public:
  [[nodiscard]] virtual PostgresStats postgres_stats() const = 0;
};

/// Throws ConfigError for options that cannot work; never shows the password. A server that is down is no
/// error: connecting begins in the background.
std::shared_ptr<PostgresTier> make_postgres_tier(PostgresOptions options,
                                                 std::shared_ptr<Runtime> runtime = Runtime::common());

}  // namespace terrace
