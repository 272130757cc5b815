#pragma once
/// The SQLite tier: entries in one file. They survive the process, and several processes may share them.
///
///     auto disk = terrace::make_sqlite_tier({.path = "/var/cache/app/cache.db", .max_bytes = 4ULL << 30});
///
/// The file is in WAL mode and belongs to terrace alone: an SQLite file of another program, or of a newer
/// format, is rejected. A cache file that is damaged, or has other tables, indexes, triggers or views than
/// terrace makes, is renamed to `<path>.corrupt-N` (the last 3 are kept), and a new, empty one is made. It needs
/// a local file system: WAL does not work over NFS.
///
/// If another program has locked the file, the tier opens it later: until then its operations are
/// Errc::unavailable. If the file is removed or replaced, the tier opens the path again, within about a second
/// of use. Nothing in a file runs as code: its triggers and views are off.
///
/// When the file exceeds max_bytes, expired entries are removed first, then the others in the order in which
/// their keys were inserted (FIFO; an entry that is written again keeps its place).
///
/// One thread writes; it puts queued writes into one transaction. One thread reads; writes do not delay it.
/// Lifetimes are absolute, on the wall reading of the clock.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <terrace/clock.hpp>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>

namespace terrace {

/// What a completed write survives. With each setting it survives kill -9 of the process.
enum class SqliteDurability {
  fast,  ///< nothing is synced: after a power cut the file may be damaged; then the cache begins empty
  safe,  ///< synced at checkpoints: after a power cut the file is intact; the last writes *and erases* may be
         ///< undone
  durable,  ///< synced at every commit: survives a power cut
};

struct SqliteOptions {
  /// Created if absent, with mode 0600; its directory must exist. `-wal` and `-shm` files appear beside it. An
  /// existing file keeps its mode, and these files get the same mode.
  std::filesystem::path path{};
  /// Bound on the sum of keys, values and 64 bytes per entry; 0: none. The file can be larger than that
  /// (pages are never quite full, least of all for values of 1 … 2 KiB) and does not shrink.
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
  /// How long to wait for another process that is writing; then Errc::unavailable.
  Duration busy_timeout = std::chrono::milliseconds(250);
  /// How often expired entries are removed, in small batches. They are misses from the moment they expire.
  Duration purge_interval = std::chrono::minutes(1);
  SqliteDurability durability = SqliteDurability::safe;
  /// A longer value is Errc::value_too_large; at most 512 MiB.
  std::size_t max_value_bytes = std::size_t{64} << 20;
  /// machine: beside a level that all processes share (Redis, PostgreSQL), the file is a stale copy: it is
  /// used while that level is down, and never counts as a hit (Tier::scope). fleet: every process of the
  /// cache opens this one file, so all run on this machine; then its entries are as valid as those of that
  /// level.
  Scope scope = Scope::machine;
  /// Serves the file's entries and writes nothing: for a file in an image or on a read-only file system, and for
  /// one that another process writes. Sets and erases are Errc::denied.
  bool read_only = false;
  /// The clock for the expiry of entries; must outlive the tier. Deadlines use the runtime's clock.
  const Clock* clock = &system_clock();
};

/// Statistics that only this tier has.
struct SqliteStats {
  std::uint64_t quarantined =
      0;                       ///< files that were renamed: damaged, or with other tables than terrace makes
  std::uint64_t reopened = 0;  ///< the file was removed or replaced by another one while it was open
  std::uint64_t evicted = 0;   ///< unexpired entries removed because of max_bytes
  std::uint64_t purged = 0;    ///< expired entries removed
  std::uint64_t transactions = 0;  ///< committed; writes / transactions shows how well writes were grouped
};

class SqliteTier : public Tier {
 public:
  [[nodiscard]] virtual SqliteStats sqlite_stats() const = 0;
};

/// Throws ConfigError for impossible options, an unusable path, a foreign file, or a file of a newer format; not
/// for a file that another program has locked. Does blocking file I/O. stats() shows entries and bytes as of this tier's last transaction.
std::shared_ptr<SqliteTier> make_sqlite_tier(SqliteOptions options,
                                             std::shared_ptr<Runtime> runtime = Runtime::common());

}  // namespace terrace
