#pragma once
/// Histogram: latencies in log-linear buckets, as in HdrHistogram (http://hdrhistogram.org). Each power of
/// two is divided into 32 buckets, so a quantile is at most 1/32 (3.2 %) above the recorded value.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>
#include <terrace/clock.hpp>

namespace terrace {

/// Thread safe without locks; readers see a recent state, not one point in time. About 15 KiB.
class Histogram {
 public:
  /// Counts one duration. Negative counts as 0; above 2^40 ns (18 min) as the last bucket.
  void record(Duration latency) noexcept {
    const auto ns = latency.count() < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(latency.count());
    buckets_[index(ns)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(ns, std::memory_order_relaxed);
  }

  /// Adds the counts of another histogram.
  void merge(const Histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;

  /// The sum of all recorded durations.
  [[nodiscard]] Duration sum() const noexcept { return Duration{sum_.load(std::memory_order_relaxed)}; }

  /// The smallest bucket bound that is not exceeded by at least the share `q` (0 … 1) of the durations; zero
  /// if nothing was recorded.
  [[nodiscard]] Duration quantile(double q) const noexcept;

  /// Writes into counts[i] how many durations were at most bounds[i]. Both spans must have the same size, and
  /// the bounds must ascend. A duration above a bound by less than a bucket (3.2 %) may count as below it.
  void count_up_to(std::span<const Duration> bounds, std::span<std::uint64_t> counts) const noexcept;

 private:
  static constexpr unsigned sub_bits = 5;
  static constexpr unsigned max_bits = 40;
  static constexpr std::size_t bucket_count = std::size_t{max_bits - sub_bits + 1} << sub_bits;

  /// Below 2^sub_bits each value has its own bucket; above, the top sub_bits + 1 bits choose the bucket.
  static std::size_t index(std::uint64_t ns) noexcept {
    const unsigned width = static_cast<unsigned>(std::bit_width(ns));
    if (width <= sub_bits) return ns;
    const unsigned shift = width - sub_bits - 1;
    const std::size_t at = (std::size_t{shift} << sub_bits) + (ns >> shift);
    return at < bucket_count ? at : bucket_count - 1;
  }
  static std::uint64_t upper_bound(std::size_t index) noexcept;

  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace terrace
