#pragma once
/// CacheOptions: how a cache behaves; few options, with defaults that suit most. Set with designated
/// initialisers.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/consistency.hpp>
#include <terrace/memory_cache.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/write_back.hpp>
#include <vector>

namespace terrace {

class KeyRing;

/// What Cache::set does.
enum class WriteMode : std::uint8_t {
  through,  ///< stores the value in every tier, the lowest first, then in memory
  around,   ///< removes the key from every level: the program wrote the value to its origin itself
  back,  ///< is done when the change is in a journal on disk; the tiers get it soon after (write_back.hpp).
         ///< This process reads it at once, others when it has arrived in a tier they share
};

// The members that the compiler writes copy the deprecated alias: that is no use of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct CacheOptions {
  /// Namespace of the keys in the tiers, and the name in metrics: 1 … 64 of A–Z a–z 0–9 _ . -
  std::string name = "default";

  // --- memory (L1) ---
  /// False: nothing is kept in memory; each read asks the tiers, or, where there are none, the loader.
  bool memory_level = true;
  std::size_t max_entries = 10'000;  ///< 0: only max_bytes bounds it
  std::uint64_t max_bytes = 0;       ///< 0: only max_entries bounds it
  Eviction eviction = Eviction::adaptive;
  /// Watches what other sizes of memory would do, for Cache::advise(). Needs max_entries; costs up to 3 MB,
  /// and time on reads (MemoryOptions::advisor).
  bool advisor = false;

  // --- freshness ---
  /// How long a value is fresh; none: for ever. More than zero. A write or a loader may give its own.
  std::optional<Duration> ttl = {};
  /// The same for "the origin has no such key"; none: that is not cached.
  std::optional<Duration> negative_ttl = {};
  /// At most this long in memory, though a tier may keep it longer; none: no such bound.
  std::optional<Duration> memory_ttl = {};
  /// Each TTL is shortened by a random share between 0 and this, so that entries written together do not
  /// expire together; 0 … 0.5. A TTL is never lengthened.
  double ttl_jitter = 0.1;

  /// How long after its TTL a value may still be served while refreshing it fails (Lookup says `stale`);
  /// zero: never.
  Duration grace{};
  /// After a refresh failed and the stale value was served, how long until the next attempt.
  Duration retry_after = std::chrono::seconds(1);
  /// The share of its TTL after which a value that is read with a loader is loaded anew in the background; 0:
  /// never, else below 1. The loader is then copied and may run after the call has returned.
  double eager_refresh = 0;

  // --- several processes ---
  Consistency consistency = Consistency::eventual;
  /// Of Consistency::eventual: how far memory may be behind; 10 ms … 1 h.
  Duration max_staleness = std::chrono::seconds(1);
  /// One process loads a key at a time, while the others wait: this long after it died another takes over.
  Duration lease_time = std::chrono::seconds(3);

  // --- writing ---
  WriteMode write_mode = WriteMode::through;
  /// Of WriteMode::back: the journal and its limits.
  WriteBackOptions write_back = {};
  /// Of WriteMode::back: where changes go first, in place of the lowest tier (make_writer); none: that tier.
  std::shared_ptr<cascade::Writer> writer = {};
  /// Payloads of at least this many bytes are compressed with zstd where that makes them smaller; 0: none
  /// are.
  std::size_t compress_above = 1024;
  /// Larger values (encoded, in bytes) are refused by set() and not filled into tiers.
  std::size_t max_value_bytes = 64U << 20U;
  /// Seals what is stored in tiers (key_ring.hpp). Then only what these keys sealed is read; anything else is
  /// a miss, counted as unreadable. None: stored as it is, and what is sealed is a miss.
  std::shared_ptr<const KeyRing> key_ring = {};
  /// The former name of key_ring. Only one of the two may be given.
  [[deprecated("use key_ring")]] std::shared_ptr<const KeyRing> keys = {};

  // --- time limits ---
  /// How long one tier may take for one operation before the walk goes on without it.
  Duration tier_timeout = std::chrono::milliseconds(250);
  /// How long a loader may take. After that its callers get Errc::timed_out; what it returns later is
  /// discarded.
  Duration load_timeout = std::chrono::seconds(30);
  /// After this long callers get the stale value, if there is one within its grace, and the load goes on for
  /// later ones; none: they wait.
  std::optional<Duration> soft_load_timeout = {};
  /// Loader calls at the same time; more wait for their turn, within load_timeout. At least 1.
  std::size_t max_concurrent_loads = 64;

  /// Threads and time. None: Runtime::common(). Tests: a testing::FakeScheduler.
  std::shared_ptr<Scheduler> scheduler = {};

  /// Throws ConfigError naming the option that is wrong and what would be right.
  void check() const;
};

#pragma GCC diagnostic pop

/// Options of one read.
struct ReadOptions {
  /// How long this caller waits; none: until the levels and the loader have answered, each within its own
  /// limit.
  std::optional<Duration> timeout = {};
  /// Tags of what is loaded. Better here than from the loader: known before it begins, they are surely as
  /// old.
  std::vector<std::string> tags = {};
};

/// Options of one write.
struct WriteOptions {
  /// Overrides CacheOptions::ttl; more than zero.
  std::optional<Duration> ttl = {};
  /// How long this caller waits; none: until the tiers have answered, each within its own limit.
  std::optional<Duration> timeout = {};
  /// Tags of the value; invalidate_tag() reaches it by each of them. 1 … 1024 bytes each.
  std::vector<std::string> tags = {};
};

/// Options of one invalidation.
struct InvalidateOptions {
  /// Keeps the values as stale ones, to be served within their grace while refreshing fails. For keys, groups
  /// and tags.
  bool soft = false;
  /// How long this caller waits; none: until the tiers have answered.
  std::optional<Duration> timeout = {};
};

}  // namespace terrace
