#pragma once
/// StripedCounters: counters that many threads can add to at once without sharing a cache line. Each thread
/// adds to one of several stripes; a reader sums them all.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace terrace {

/// `count` counters. Thread safe; a sum is a recent state, not one point in time. 2 KiB for up to 16
/// counters.
template <std::size_t count>
class StripedCounters {
 public:
  void add(std::size_t which) noexcept {
    stripes_[own_stripe()].of[which].fetch_add(1, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t sum(std::size_t which) const noexcept {
    std::uint64_t total = 0;
    for (const Stripe& stripe : stripes_) total += stripe.of[which].load(std::memory_order_relaxed);
    return total;
  }

 private:
  static constexpr unsigned stripe_count = 16;
  struct alignas(128) Stripe {  // two cache lines, because processors fetch them in pairs
    std::array<std::atomic<std::uint64_t>, count> of{};
  };

  /// Threads take the stripes in turns.
  static unsigned own_stripe() noexcept {
    static std::atomic<unsigned> next{0};
    thread_local const unsigned mine = next.fetch_add(1, std::memory_order_relaxed) % stripe_count;
    return mine;
  }

  std::array<Stripe, stripe_count> stripes_{};
};

}  // namespace terrace
