#pragma once
/// Tally: counts a cache's hits and misses so that counting costs a reader next to nothing: each thread adds
/// to counters of its own, without an atomic read-modify-write. The sum is exact once the threads are done.

#include <array>
#include <atomic>
#include <cstdint>
#include <terrace/detail/memory/readers.hpp>

namespace terrace::memory {

class Tally {
 public:
  enum Kind : unsigned { hits, misses };

  Tally() noexcept : number_(Readers::take_counters()), before_{total(hits), total(misses)} {}
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() { Readers::leave_counters(number_); }

  void add(Kind kind, Reader& reader) noexcept {
    if (number_ >= Reader::countings) [[unlikely]] {
      common_[kind].fetch_add(1, std::memory_order_relaxed);
      return;
    }
    std::atomic<std::uint64_t>& counter = reader.counters[number_][kind];
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t sum(Kind kind) const noexcept {
    return total(kind) - before_[kind] + common_[kind].load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::uint64_t total(Kind kind) const noexcept {
    return number_ < Reader::countings ? Readers::sum(number_, kind) : 0;
  }

  const unsigned number_;  // of this cache's counters in each Reader; with very many caches some have none
  const std::array<std::uint64_t, 2> before_;  // what an earlier cache of that number left there
  std::array<std::atomic<std::uint64_t>, 2> common_{};
};

}  // namespace terrace::memory
