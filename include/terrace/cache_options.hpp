#pragma once
/// CacheOptions: how a cache behaves. There are few options, and their defaults suit most programs. Set them
/// with designated initialisers.

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/consistency.hpp>
#include <terrace/detail/names.hpp>
#include <terrace/memory_cache.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/write_back.hpp>
#include <vector>

namespace terrace {

class KeyRing;

/// What Cache::set does.
enum class WriteMode : std::uint8_t {
  through,  ///< stores the value in every tier, the lowest first, then in memory
  around,   ///< removes the key from every level: the program has written the value to its origin itself
  back,  ///< done when the change is in a journal on disk; the tiers get it soon after (write_back.hpp). This
         ///< process reads it at once, others when it has arrived in a tier that they share
};
template <>
inline constexpr auto enum_names<WriteMode> = std::to_array<std::string_view>({"through", "around", "back"});

// The members that the compiler writes copy the deprecated alias: that is no use of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct CacheOptions {
  /// Namespace of the keys in the tiers, and the name in metrics: 1 … 64 of A–Z a–z 0–9 _ . - Give it one where
  /// programs share a tier: two programs with the same name read each other's values. The log warns of the default
  /// name over a shared tier.
  std::string name = "default";

  // --- memory (L1) ---
  /// False: memory keeps nothing; each read asks the tiers, or the loader if there are no tiers.
  bool memory_level = true;
  std::size_t max_entries = 10'000;  ///< 0: only max_bytes bounds it
  std::uint64_t max_bytes = 0;       ///< 0: only max_entries bounds it
  Eviction eviction = Eviction::adaptive;
  /// Estimates what other sizes of memory would do, for Cache::advise(). Needs max_entries; costs up to 3 MB,
  /// and time on reads (MemoryOptions::advisor).
  bool advisor = false;

  // --- freshness ---
  /// How long a value is fresh; none: no expiry. More than zero. A write or a loader may set its own TTL.
  std::optional<Duration> ttl = {};
  /// TTL of a negative entry ("the origin has no such key"); none: negative answers are not cached.
  std::optional<Duration> negative_ttl = {};
  /// The longest time a value stays in memory, though a tier may keep it longer; none: no such bound.
  std::optional<Duration> memory_ttl = {};
  /// Each TTL is shortened by a random share between 0 and this, so that entries written together do not
  /// expire together; 0 … 0.5. A TTL is never lengthened.
  double ttl_jitter = 0.1;

  /// Grace (also called stale-if-error): how long after its TTL a value may still be served while refreshing
  /// it fails (Lookup says `stale`); zero: never.
  Duration grace{};
  /// After a refresh has failed and the stale value was served: how long until the next attempt.
  Duration retry_after = std::chrono::seconds(1);
  /// After this share of its TTL, a value that is read with a loader is loaded again in the background. 0:
  /// never; otherwise below 1. The loader is then copied and may run after the call has returned.
  double eager_refresh = 0;

  // --- several processes ---
  Consistency consistency = Consistency::eventual;
  /// For Consistency::eventual: how far memory may be behind the shared tiers; 10 ms … 1 h.
  Duration max_staleness = std::chrono::seconds(1);
  /// One process loads a key at a time while the others wait. This long after that process died, another
  /// takes over.
  Duration lease_time = std::chrono::seconds(3);

  // --- writing ---
  WriteMode write_mode = WriteMode::through;
  /// For WriteMode::back: the journal and its limits.
  WriteBackOptions write_back = {};
  /// For WriteMode::back: changes go first to this writer (make_writer) instead of to the lowest tier; none:
  /// to that tier.
  std::shared_ptr<WriteBackWriter> writer = {};
  /// Payloads of at least this many bytes are compressed with zstd if that makes them smaller; 0: never. None:
  /// 1024, and with a key_ring never: the length of a compressed payload shows what its parts have in common,
  /// also when it is sealed.
  std::optional<std::size_t> compress_above = {};
  /// The largest value (encoded, in bytes). set() rejects a larger one, and it is not filled into tiers.
  std::size_t max_value_bytes = 64U << 20U;
  /// Seals what is stored in tiers (key_ring.hpp). Then only what these keys sealed is read; anything else is
  /// a miss, counted as unreadable. None: stored as it is, and what is sealed is a miss.
  std::shared_ptr<const KeyRing> key_ring = {};
  /// The former name of key_ring. Only one of the two may be given.
  [[deprecated("use key_ring")]] std::shared_ptr<const KeyRing> keys = {};

  // --- time limits ---
  /// How long one tier may take for one operation. After that the lookup continues without this tier. A call
  /// for many keys goes to the tier in chunks, and each chunk has this time.
  Duration tier_timeout = std::chrono::milliseconds(250);
  /// How long a loader may take. After that its callers get Errc::timed_out, and the late result is
  /// discarded.
  Duration load_timeout = std::chrono::seconds(30);
  /// After this time callers get the stale value, if there is one within its grace, and the load continues
  /// for later callers; none: callers wait for the load.
  std::optional<Duration> soft_load_timeout = {};
  /// Loader calls at the same time. Further loads wait for their turn, within load_timeout. At least 1.
  std::size_t max_concurrent_loads = 64;
  /// Loader calls in a second, on average; up to a tenth of that may begin at once. 0: no limit. Further loads
  /// wait within load_timeout, the one that most callers wait for goes first; callers get the stale value at
  /// once if there is one within its grace. A call of a bulk loader counts once. Each process has a limit of its own.
  double max_loads_per_second = 0;
  /// How long an error of a loader is remembered if there is no stale value to serve: reads of the key get
  /// the same error, and the loader is not called. Shortened by a random share of up to one half. None: the
  /// next read calls the loader again.
  std::optional<Duration> error_ttl = {};

  /// Provides threads and time. None: Runtime::common(). Tests use a testing::FakeScheduler.
  std::shared_ptr<Scheduler> scheduler = {};

  /// Throws ConfigError that names the wrong option and says what would be right.
  void check() const;
};

#pragma GCC diagnostic pop

/// Options of one read.
struct ReadOptions {
  /// How long this caller waits; none: until the levels and the loader have answered, each within its own
  /// limit.
  std::optional<Duration> timeout = {};
  /// The caller gives up when this stop is requested: the call ends with Errc::timed_out. A load that nobody
  /// waits for any more is asked to stop as well (LoadContext::stop).
  std::stop_token stop = {};
  /// Tags of a loaded value. Prefer them here to tags set by the loader: the tokens of these tags are read
  /// before the load begins, so an invalidation during the load is noticed.
  std::vector<std::string> tags = {};
};

/// A ttl of one write or load: the value does not expire, although the cache has a ttl.
inline constexpr Duration no_expiry = Duration::max();

/// Options of one write.
struct WriteOptions {
  /// Overrides CacheOptions::ttl; more than zero. no_expiry: the value does not expire.
  std::optional<Duration> ttl = {};
  /// How long this caller waits; none: until the tiers have answered, each within its own limit.
  std::optional<Duration> timeout = {};
  /// Tags of the value; invalidate_tag() finds it by each of them. At most 64, of 1 … 1024 bytes.
  std::vector<std::string> tags = {};
};

/// Options of one invalidation.
struct InvalidateOptions {
  /// Keeps the values as stale ones, which may be served within their grace while a refresh fails. For keys,
  /// groups and tags.
  bool soft = false;
  /// How long this caller waits; none: until the tiers have answered.
  std::optional<Duration> timeout = {};
};

}  // namespace terrace
