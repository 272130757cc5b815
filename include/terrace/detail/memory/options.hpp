#pragma once
/// MemoryOptions and what else a MemoryCache takes and tells.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <terrace/clock.hpp>
#include <terrace/detail/memory/eviction.hpp>

namespace terrace {

/// Why an entry left the cache.
enum class RemovalCause {
  explicit_erase,  ///< erase(), erase_if() or clear()
  replaced,        ///< another value was set for its key
  expired,         ///< its time was over
  evicted,         ///< the cache was full
};

/// How a MemoryCache is set up. A wrong value makes its constructor throw ConfigError.
template <class K, class V>
struct MemoryOptions {
  /// The most entries. 0: no bound on their number, then max_bytes must be set.
  std::size_t max_entries = 10'000;
  /// The bound on the sum of all weights, in bytes. 0: none.
  std::uint64_t max_bytes = 0;
  /// The weight of an entry in bytes; called once for each entry stored, without a lock. Default:
  /// default_weight().
  std::function<std::size_t(const K&, const V&)> weigher = {};
  Eviction eviction = Eviction::adaptive;
  /// How long an entry lives after it was stored. None: until evicted.
  std::optional<Duration> ttl = {};
  /// How long an entry lives after it was stored or last read. With ttl too, whichever ends first.
  std::optional<Duration> expire_after_access = {};
  /// Told of every entry that leaves, exactly once, on the thread that made it leave (or the sweeper's), with
  /// no lock held: it may call the cache. It must not destroy the cache; what it throws is dropped. Not told
  /// of what is left when the cache is destroyed.
  std::function<void(const K&, const V&, RemovalCause)> listener = {};
  /// Independent parts, each with its own lock and its share of max_entries. 0: chosen from cores and size; a
  /// cache of less than about 4,000 entries gets one. Only with one shard is the eviction order exactly that
  /// of the policy.
  unsigned shards = 0;
  /// Watches what other sizes would do, for advise(). Costs up to 3 MB, and time on the reads of sampled
  /// keys: all of them in a cache of up to 8,191 entries, a half, a quarter … in larger ones. Needs
  /// max_entries.
  bool advisor = false;
  /// Must live longer than the cache.
  const Clock* clock = &system_clock();
  /// Entries that expire leave within this and a tick (67 ms) of it without being read; a thread shared by
  /// all caches sees to that. 0: no thread; they leave on writes and purge_expired(). Expired entries are
  /// never served.
  Duration sweep_interval = std::chrono::seconds(1);
};

/// Set for one entry, in place of the cache's options. Duration::max() is "for ever". A time of zero or less
/// has run out already: the entry is not stored, and an older value of its key is removed.
struct EntryOptions {
  std::optional<Duration> ttl = {};
  std::optional<Duration> expire_after_access = {};
  /// What it takes to make the value again, in milliseconds or another unit that all entries share; only gdsf
  /// asks. Default: 1, or what get_or_insert() measured. Negative or not a number: 0.
  std::optional<double> cost = {};
};

/// What MemoryCache::inspect() tells of an entry.
struct EntryInfo {
  Duration age;                       ///< since it was stored; to about 17 ms, at most 834 days
  std::optional<Duration> idle;       ///< since it was last read or stored; only with expire_after_access
  std::optional<Duration> remaining;  ///< until it expires; none: never
  std::optional<std::uint64_t> access_count;  ///< where the policy counts: lfu and gdsf, adaptive and s3fifo
                                              ///< 0 … 3 of late, w-tinylfu 0 … 15
  std::uint64_t weight;                       ///< bytes
};

/// Counters since construction, and the present size.
struct MemoryStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t inserts = 0;    ///< entries stored under a key that had none
  std::uint64_t replaced = 0;   ///< values that left because another was set for their key
  std::uint64_t evictions = 0;  ///< entries that left because the cache was full
  std::uint64_t expired = 0;    ///< entries that left because their time was over
  std::uint64_t erased = 0;     ///< entries that left by erase(), erase_if() or clear()
  std::uint64_t rejected = 0;   ///< entries not stored: heavier than the whole bound, or expired already
  std::uint64_t entries = 0;    ///< now, including expired ones that have not left yet
  std::uint64_t bytes = 0;      ///< the sum of their weights
  /// What the cache has allocated, free parts and what waits for readers included, with what keys and values
  /// hold on the heap as far as default_weight() sees it.
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
