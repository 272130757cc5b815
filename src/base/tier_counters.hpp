#pragma once
/// TierCounters: what TierStats shows, counted by any thread as operations end.

#include <atomic>
#include <cstdint>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace {

/// One key of a read, of a set, and of an erase: a key that was not there is not erased.
inline void tally(TierStats& stats, const Result<Found>& outcome) noexcept {
  ++(!outcome ? stats.errors : *outcome ? stats.hits : stats.misses);
}
inline void tally(TierStats& stats, const Result<void>& outcome) noexcept {
  ++(outcome ? stats.writes : stats.write_errors);
}
inline void tally(TierStats& stats, const Result<bool>& outcome) noexcept {
  if (!outcome) {
    ++stats.write_errors;
  } else if (*outcome) {
    ++stats.erases;
  }
}

/// Of compare_and_set_many: what was not stored is neither a write nor an error.
inline void tally_swaps(TierStats& stats, const std::vector<Result<bool>>& outcomes) noexcept {
  for (const auto& stored : outcomes) {
    if (!stored) {
      ++stats.write_errors;
    } else if (*stored) {
      ++stats.writes;
    }
  }
}

struct TierCounters {
  std::atomic<std::uint64_t> hits{0}, misses{0}, errors{0}, writes{0}, erases{0}, write_errors{0};

  template <class T>
  void count(const Result<T>& outcome) noexcept {
    TierStats one;
    tally(one, outcome);
    add(one);
  }
  template <class T>
  void count(const std::vector<Result<T>>& outcomes) noexcept {
    TierStats all;
    for (const auto& outcome : outcomes) tally(all, outcome);
    add(all);
  }
  /// A set of one key.
  void count_write(bool done) noexcept { ++(done ? writes : write_errors); }
  /// The outcomes of compare_and_set_many.
  void count_swaps(const std::vector<Result<bool>>& outcomes) noexcept {
    TierStats all;
    tally_swaps(all, outcomes);
    add(all);
  }
  /// A bulk delete of a prefix or a pattern.
  void count_sweep(const Result<std::uint64_t>& removed) noexcept {
    removed ? add(erases, *removed) : add(write_errors, 1);
  }

  void add(const TierStats& stats) noexcept {
    add(hits, stats.hits);
    add(misses, stats.misses);
    add(errors, stats.errors);
    add(writes, stats.writes);
    add(erases, stats.erases);
    add(write_errors, stats.write_errors);
  }

  [[nodiscard]] TierStats stats() const noexcept {
    TierStats now;
    now.hits = hits;
    now.misses = misses;
    now.errors = errors;
    now.writes = writes;
    now.erases = erases;
    now.write_errors = write_errors;
    return now;
  }

 private:
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t number) noexcept {
    if (number != 0) counter.fetch_add(number, std::memory_order_relaxed);
  }
};

}  // namespace terrace
