#pragma once
/// The PostgreSQL tier: entries in one table of a PostgreSQL server (13 or newer), shared by all processes
/// that name the same table.
///
///     auto db = terrace::make_postgres_tier(
///         {.url = "postgresql://app:secret@db.example/cache?sslmode=verify-full"});
///
/// A few connections, opened as they are needed, carry the operations of all threads, pipelined. What does
/// not get a place on one waits for it until its deadline. An operation that runs out of time leaves its
/// place in the line: the reply is dropped when it comes. A connection that has owed such a reply for a
/// second without any progress is given up; what else it carried ends with Errc::io_error, effect unknown. A
/// server that cannot be reached, or refuses the login (Errc::denied), costs nothing beyond the first
/// attempt: operations end at once while the tier reconnects in the background, backing off with full jitter.
/// Nothing is retried behind the caller's back.
///
/// Lifetimes run on the server's clock alone: processes whose clocks differ agree when an entry ends.
///
/// The table, as create_table makes it; with create_table off, make it yourself:
///
///     CREATE UNLOGGED TABLE terrace_cache (
///       key bytea PRIMARY KEY, whole_key bytea, value bytea NOT NULL, expires timestamptz,
///       version bigint NOT NULL);
///     ALTER TABLE terrace_cache ALTER COLUMN value SET STORAGE EXTERNAL;
///     CREATE INDEX terrace_cache_expires ON terrace_cache (expires);
///
/// Whose code runs. What is attached to a table (triggers, rules, policies, expressions, operators of its
/// types) runs with the rights of the role that uses the table. So sessions of the tier know the server's own
/// functions and operators only (search_path = pg_catalog, pg_temp), and a table is used only when it belongs
/// to the role that connects, to a role that one is a member of, to a superuser or to the owner of the
/// database, and is a plain table as above: no view, partition or inheritance, no trigger, rule, row
/// security, default, generated column or index over an expression, nothing of types or functions that are
/// not the server's own. Any other one is refused: Errc::denied, with the reason. Several roles that share a
/// table own it by a common role (ALTER TABLE … OWNER TO). The owner of the schema can replace the table and
/// so is trusted.
///
/// Of a key longer than 2,000 bytes `key` holds the first 2,000 and the SHA-256, `whole_key` all. `version`
/// holds the bits of an unsigned number. Between the tier and the server no pooler may share a session among
/// clients (PgBouncer: pool_mode=session).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>

namespace terrace {

struct PostgresOptions {
  /// As libpq takes it: postgresql://[user[:password]@][host][:port][/database][?sslmode=verify-full&…] or
  /// "host=… user=… sslrootcert=…". What it leaves out comes from libpq's defaults (PGPASSFILE, PGUSER, …).
  /// TLS is libpq's: its default sslmode=prefer encrypts when the server can and checks no certificate.
  std::string url = "postgresql://127.0.0.1:5432";
  /// Letters, digits and _, at most 55; a schema may stand before it: "caches.pages". Case matters. Without
  /// one: the first schema of the role's search_path that has the table, else the first that exists.
  std::string table = "terrace_cache";
  /// Make the table when it is absent; needs the right to CREATE in its schema.
  bool create_table = true;
  /// Of a table that is made here: without a write-ahead log, so it is faster, and empty after a crash of the
  /// server. A table that is there already stays what it is.
  bool unlogged = true;

  /// At most that many connections.
  unsigned connections = 4;
  /// For resolving, connecting, TLS, logging in, looking at the table and making it together.
  Duration connect_timeout = std::chrono::seconds(2);
  /// After which the server gives up a statement whose caller may be gone long ago; to the millisecond.
  Duration statement_timeout = std::chrono::seconds(5);
  /// Longest wait between two attempts to connect.
  Duration reconnect_cap = std::chrono::seconds(2);
  /// How often expired entries are removed, in small batches. They are misses from the moment they expire.
  Duration purge_interval = std::chrono::minutes(1);
  /// Longer values are Errc::value_too_large, and longer ones found are not fetched; at most 512 MiB.
  std::size_t max_value_bytes = std::size_t{64} << 20;
};

/// What only this tier knows.
struct PostgresStats {
  unsigned connections = 0;           ///< open now
  std::uint64_t connects = 0;         ///< connections that were made
  std::uint64_t failed_connects = 0;  ///< attempts that came to nothing
  std::uint64_t purged = 0;           ///< expired entries removed by this tier
  std::string last_error = {};        ///< why the last connection or attempt ended; empty: no trouble so far
};

class PostgresTier : public Tier {
 public:
  [[nodiscard]] virtual PostgresStats postgres_stats() const = 0;
};

/// Throws ConfigError for options that cannot work; never shows the password. Never throws because the server
/// is away: connecting begins in the background.
std::shared_ptr<PostgresTier> make_postgres_tier(PostgresOptions options,
                                                 std::shared_ptr<Runtime> runtime = Runtime::common());

}  // namespace terrace
