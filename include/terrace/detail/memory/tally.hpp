#pragma once
/// Tally: counts a cache's hits and misses at almost no cost for readers: each thread adds to its own
/// counters, without an atomic read-modify-write. The sum is exact once the threads are done. Each cache has
/// a number; the counters of the first Reader::countings numbers are found fastest.

#include <array>
#include <atomic>
#include <cstdint>
#include <terrace/detail/memory/readers.hpp>

namespace terrace::memory {

class Tally {
 public:
  enum Kind : unsigned { hits, misses };

  /// Throws std::bad_alloc.
  Tally() : number_(Readers::take_counters()), before_{total(hits), total(misses)} {}
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() { Readers::leave_counters(number_); }

  void add(Kind kind, Reader& reader) noexcept {
    if (number_ >= Reader::countings) [[unlikely]]
      return add_further(kind, reader);
    add_one(reader.counters[number_][kind]);
  }

  [[nodiscard]] std::uint64_t sum(Kind kind) const noexcept {
    return total(kind) - before_[kind] + common_[kind].load(std::memory_order_relaxed);
  }

 private:
  static void add_one(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[gnu::noinline]] void add_further(Kind kind, Reader& reader) noexcept {
    if (Counters* const own = reader.counters_of(number_, true)) return add_one((*own)[kind]);
    common_[kind].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t total(Kind kind) const noexcept { return Readers::sum(number_, kind); }

  const unsigned number_;                      // number of this cache's counters in each Reader
  const std::array<std::uint64_t, 2> before_;  // counts left there by an earlier cache with that number
  Counters common_{};                          // for threads that had no memory for counters of their own
};

}  // namespace terrace::memory
