#pragma once
/// CacheStats: counters of a cache since it was made.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/write_back.hpp>
#include <vector>

namespace terrace {

/// One level: memory first, then the tiers in their order.
struct LevelStats {
  std::string name;
  std::uint64_t hits = 0;         ///< keys found, negative entries included
  std::uint64_t misses = 0;       ///< keys asked for and not found, unreadable entries included
  std::uint64_t errors = 0;       ///< keys that could not be asked for in time
  std::uint64_t unreadable = 0;   ///< entries found that were corrupt, foreign or of another schema: misses
  std::uint64_t entries = 0;      ///< where the level knows
  std::uint64_t bytes = 0;        ///< where the level knows
  std::uint64_t evictions = 0;    ///< memory only
  std::uint64_t expirations = 0;  ///< memory only
  Duration p50{}, p99{},
      p999{};  ///< of reads; not measured for memory, where the clock would cost more than the hit

  /// hits / (hits + misses), 0 … 1; 0 when nothing was asked for.
  [[nodiscard]] double hit_rate() const noexcept {
    const auto asked = static_cast<double>(hits + misses);
    return asked == 0 ? 0 : static_cast<double>(hits) / asked;
  }
};

struct CacheStats {
  std::vector<LevelStats> levels;
  std::uint64_t loads = 0;           ///< loader calls begun, by key
  std::uint64_t load_failures = 0;   ///< of those: threw, returned an error, or took too long
  std::uint64_t joined = 0;          ///< reads answered by another caller's walk or load
  std::uint64_t rejected_fills = 0;  ///< values kept out of a level since the key changed meanwhile
  std::uint64_t stale_served = 0;  ///< reads answered with a stale value since refreshing failed or took long
  std::uint64_t refreshes = 0;     ///< eager refreshes begun
  std::uint64_t lease_waits = 0;   ///< reads that waited for another process to load the key
  std::uint64_t writes = 0;        ///< keys set
  std::uint64_t erases = 0;        ///< keys erased
  std::uint64_t write_failures = 0;  ///< keys set or erased that at least one tier did not take
  std::uint64_t unrecovered = 0;     ///< keys a tier missed a change of and has not caught up with
  /// How far memory may be behind the shared tiers now; none: unbounded but for max_staleness after each
  /// read, since a watch is down, or nothing is shared.
  std::optional<Duration> staleness = {};
  std::optional<WriteBackStats> write_back = {};  ///< of WriteMode::back
  Duration load_p50{}, load_p99{};
};

}  // namespace terrace
