#include <algorithm>
#include <cmath>
#include <terrace/histogram.hpp>

namespace terrace {

void Histogram::merge(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i) {
    buckets_[i].fetch_add(other.buckets_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  sum_.fetch_add(other.sum_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

std::uint64_t Histogram::upper_bound(std::size_t index) noexcept {
  if (index < (std::size_t{1} << sub_bits)) return index;
  const std::size_t shift = (index >> sub_bits) - 1;
  const std::uint64_t top = index - (shift << sub_bits);
  return ((top + 1) << shift) - 1;
}

Duration Histogram::quantile(double q) const noexcept {
  const std::uint64_t total = count();
  if (total == 0) return Duration::zero();
  const auto wanted =
      static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total)));
  const std::uint64_t rank = std::max<std::uint64_t>(wanted, 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += buckets_[i].load(std::memory_order_relaxed);
    if (seen >= rank) return Duration{upper_bound(i)};
  }
  return Duration{upper_bound(bucket_count - 1)};
}

void Histogram::count_up_to(std::span<const Duration> bounds,
                            std::span<std::uint64_t> counts) const noexcept {
  std::uint64_t seen = 0;
  std::size_t next = 0;
  for (std::size_t b = 0; b < bounds.size(); ++b) {
    const std::size_t last = index(static_cast<std::uint64_t>(bounds[b].count()));
    for (; next <= last; ++next) seen += buckets_[next].load(std::memory_order_relaxed);
    counts[b] = seen;
  }
}

}  // namespace terrace
