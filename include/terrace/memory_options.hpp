#pragma once
/// MemoryOptions, and the other types in the interface of MemoryCache.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <terrace/clock.hpp>
#include <terrace/eviction.hpp>

namespace terrace {

/// Why an entry was removed from the cache.
enum class RemovalCause {
  explicit_erase,  ///< erase(), erase_if() or clear()
  replaced,        ///< another value was set for its key
  expired,         ///< its lifetime was over
  evicted,         ///< the cache was full
};

/// The options of a MemoryCache. A wrong value makes its constructor throw ConfigError.
template <class K, class V>
struct MemoryOptions {
  /// The most entries. 0: no bound on their number; then max_bytes must be set.
  std::size_t max_entries = 10'000;
  /// The bound on the sum of all weights, in bytes. 0: none.
  std::uint64_t max_bytes = 0;
  /// Returns the weight of an entry in bytes; called once for each stored entry, without a lock. Default:
  /// default_weight().
  std::function<std::size_t(const K&, const V&)> weigher = {};
  Eviction eviction = Eviction::adaptive;
  /// How long an entry lives after it was stored. None: until it is evicted.
  std::optional<Duration> ttl = {};
  /// How long an entry lives after it was stored or last read. If ttl is set, too, the earlier end counts.
  std::optional<Duration> expire_after_access = {};
  /// Called for every removed entry, exactly once, on the thread that removed it (or the sweeper's), with no
  /// lock held: it may call the cache. It must not destroy the cache; an exception that it throws is dropped.
  /// Not called for the entries that are left when the cache is destroyed.
  std::function<void(const K&, const V&, RemovalCause)> listener = {};
  /// Independent parts, each with its own lock and its share of max_entries. 0: chosen from the number of
  /// cores and the size; a cache of less than about 4,000 entries gets one. The eviction order is exactly
  /// that of the policy only with one shard.
  unsigned shards = 0;
  /// Estimates what other sizes would do, for advise(). Costs up to 3 MB, and time on the reads of sampled
  /// keys: all keys in a cache of up to 8,191 entries, a half, a quarter … of the keys in larger ones. Needs
  /// max_entries.
  bool advisor = false;
  /// Must live longer than the cache.
  const Clock* clock = &system_clock();
  /// Expired entries are removed within this time plus one tick (67 ms), even if they are not read; all
  /// caches share one thread for that. 0: no thread; then writes and purge_expired() remove them. Expired
  /// entries are never served.
  Duration sweep_interval = std::chrono::seconds(1);
};

/// Options of one entry, which replace those of the cache. Duration::max() means no expiry. A time of zero or
/// less is over already: the entry is not stored, and an older value of its key is removed.
struct EntryOptions {
  std::optional<Duration> ttl = {};
  std::optional<Duration> expire_after_access = {};
  /// The cost of making the value again, in milliseconds or another unit common to all entries; only gdsf
  /// uses it. Default: 1, or the time measured by get_or_insert(). Negative or not a number: 0.
  std::optional<double> cost = {};
};

/// The result of MemoryCache::inspect().
struct EntryInfo {
  Duration age;                  ///< time since it was stored; to about 17 ms, at most 834 days
  std::optional<Duration> idle;  ///< time since it was last read or stored; only with expire_after_access
  std::optional<Duration> remaining;          ///< time until it expires; none: never
  std::optional<std::uint64_t> access_count;  ///< if the policy counts: lfu and gdsf; adaptive and s3fifo 0 …
                                              ///< 3 recent uses, w-tinylfu 0 … 15
  std::uint64_t weight;                       ///< bytes
};

/// Counters since construction, and the present size.
struct MemoryStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t inserts = 0;    ///< entries stored under a key that had none
  std::uint64_t replaced = 0;   ///< values removed because another one was set for their key
  std::uint64_t evictions = 0;  ///< entries removed because the cache was full
  std::uint64_t expired = 0;    ///< entries removed because their lifetime was over
  std::uint64_t erased = 0;     ///< entries removed by erase(), erase_if() or clear()
  std::uint64_t rejected = 0;   ///< entries not stored: heavier than the whole bound, or expired already
  std::uint64_t entries = 0;    ///< present number, including expired ones that are not removed yet
  std::uint64_t bytes = 0;      ///< the sum of their weights
  /// The memory allocated by the cache, including free parts and memory that waits for readers, and the heap
  /// memory of keys and values as far as default_weight() sees it.
  std::uint64_t used_bytes = 0;
};

}  // namespace terrace

namespace terrace::memory {

/// The options that do not depend on the types, checked and completed.
struct Limits {
  std::uint64_t max_entries;
  std::uint64_t max_bytes;
  std::optional<Duration> ttl;
  std::optional<Duration> expire_after_access;
  unsigned shards;
  Duration sweep_interval;
};

/// Throws ConfigError; returns the number of shards.
unsigned check_limits(const Limits& limits);

}  // namespace terrace::memory
