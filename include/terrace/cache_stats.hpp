#pragma once
/// CacheStats: counters of a cache since it was made.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/write_back.hpp>
#include <vector>

namespace terrace {

/// How long something took, as cumulative counts under fixed bounds: what Prometheus calls a histogram.
struct LatencyCounts {
  static constexpr std::array<Duration, 16> bounds = {
      std::chrono::microseconds(100), std::chrono::microseconds(250),  std::chrono::microseconds(500),
      std::chrono::milliseconds(1),   std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(25),   std::chrono::milliseconds(50),
      std::chrono::milliseconds(100), std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),        std::chrono::milliseconds(2500), std::chrono::seconds(5),
      std::chrono::seconds(10)};

  std::array<std::uint64_t, bounds.size()> up_to{};  ///< at most bounds[i], or above it by less than 3.2 %
  std::uint64_t count = 0;                           ///< all of them
  Duration sum{};
};

/// Errors by their kind (Errc).
struct ErrorCounts {
  std::uint64_t timed_out = 0;
  std::uint64_t unavailable = 0;  ///< not asked: no connection, or the breaker is open
  std::uint64_t io = 0;           ///< the connection or the file failed on the way
  std::uint64_t other = 0;

  [[nodiscard]] std::uint64_t total() const noexcept { return timed_out + unavailable + io + other; }
};

/// One level: memory first, then the tiers in their order.
struct LevelStats {
  std::string name;
  std::uint64_t hits = 0;  ///< keys found, negative entries included; in memory also stale ones
  /// Reads answered with a stale value of this level, since refreshing it failed or took long. Of a tier they
  /// were misses; of memory hits, but for those it was tried to refresh first.
  std::uint64_t stale_hits = 0;
  std::uint64_t negative_hits = 0;  ///< of the hits: there is known to be no such key
  std::uint64_t misses = 0;         ///< keys asked for and not found, unreadable entries included
  std::uint64_t errors = 0;         ///< keys that could not be asked for in time
  ErrorCounts errors_by_kind = {};  ///< the same
  /// Entries found that were corrupt, foreign or of another schema: misses. Also keys of tag tokens that held
  /// something else.
  std::uint64_t unreadable = 0;
  /// Now, where the level knows cheaply. Of a tier that caches share: of all of them.
  std::optional<std::uint64_t> entries = {};
  std::optional<std::uint64_t> bytes = {};
  // Entries that left memory, by cause; of tiers always 0.
  std::uint64_t evictions = 0;    ///< memory was full
  std::uint64_t expirations = 0;  ///< their time was over
  std::uint64_t invalidated = 0;  ///< erased, invalidated, or about to be written anew
  std::uint64_t replaced = 0;     ///< another value was filled in for their key
  /// Of reads; not measured for memory, where the clock would cost more than the hit.
  Duration p50{}, p99{}, p999{};
  LatencyCounts latency = {};             ///< the same; one for each operation, however many keys it asks for
  std::optional<bool> reachable = {};     ///< of a tier with a server that knows: TierStats
  std::optional<bool> breaker_open = {};  ///< the same

  /// hits / (hits + misses), 0 … 1; 0 when nothing was asked for.
  [[nodiscard]] double hit_rate() const noexcept {
    const auto asked = static_cast<double>(hits + misses);
    return asked == 0 ? 0 : static_cast<double>(hits) / asked;
  }
};

struct CacheStats {
  std::vector<LevelStats> levels;
  std::uint64_t loads = 0;            ///< loader calls begun, by key
  std::uint64_t load_failures = 0;    ///< of those: threw, returned an error, or took too long
  std::uint64_t loads_in_flight = 0;  ///< loader calls now, those given up that run on included
  std::uint64_t loads_waiting = 0;    ///< loader calls that wait for their turn (max_concurrent_loads)
  std::uint64_t joined = 0;           ///< reads answered by another caller's walk or load
  std::uint64_t rejected_fills = 0;   ///< values kept out of a level since the key changed meanwhile
  std::uint64_t stale_served = 0;  ///< reads answered with a stale value since refreshing failed or took long
  std::uint64_t refreshes = 0;     ///< eager refreshes begun
  std::uint64_t lease_waits = 0;   ///< reads that waited for another process to load the key
  std::uint64_t writes = 0;        ///< keys set
  std::uint64_t erases = 0;        ///< keys erased
  std::uint64_t write_failures = 0;  ///< keys set or erased that at least one tier did not take
  std::uint64_t unrecovered = 0;     ///< keys a tier missed a change of and has not caught up with
  /// Changes that a shared tier took, and tells other processes of: keys set, erased or invalidated; a
  /// prefix, a pattern, a tag or a clear() is one.
  std::uint64_t invalidations_sent = 0;
  /// Keys and tags of this cache that the watch of a shared tier told of, whoever changed them, this process
  /// included; fills, expiry and eviction in the tier are told as well. All keys at once are one.
  std::uint64_t invalidations_received = 0;
  std::optional<bool> watching = {};  ///< every watch of a shared tier is alive; none: nothing is watched
  /// How far memory may be behind the shared tiers now; none: unbounded but for max_staleness after each
  /// read, since a watch is down, or nothing is shared.
  std::optional<Duration> staleness = {};
  Duration max_staleness{};                       ///< the bound that was set: CacheOptions
  std::optional<WriteBackStats> write_back = {};  ///< of WriteMode::back
  Duration load_p50{}, load_p99{};
  LatencyCounts load_latency = {};  ///< of loader calls, the wait for their turn included
  bool closed = false;              ///< its calls end with Errc::shutdown
};

}  // namespace terrace
