#pragma once
/// Advisor: what a cache would answer if it were smaller or larger, from its own reads.
///
/// A hash-sampled share of the keys is also looked up in five miniature caches of hashes alone, which have a
/// quarter, half, once, twice and four times that share of the entries, and the cache's own policy and
/// lifetimes. Each has about the hit ratio of a whole cache of its size (Waldspurger, Saemundsson, Ahmad,
/// Park: Cache modeling and optimization using miniature simulations, USENIX ATC 2017). Whether one of the
/// few most popular keys is in the sample makes the most of its error; such keys are hits at any size, so
/// what the sample has more or less than its share of the reads is taken off or added as hits (the adjustment
/// of SHARDS: Waldspurger, Park, Garthwaite, Ahmad: Efficient MRC construction with SHARDS, USENIX FAST
/// 2015).

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <terrace/clock.hpp>
#include <terrace/detail/memory/eviction.hpp>

namespace terrace {

/// The hits that a cache of so many entries would have had. Take the difference of two
/// advices with since() for what happened between them; it says little of a few reads.
struct Advice {
  struct Size {
    double factor = 0;          ///< of the cache's own size
    std::uint64_t entries = 0;  ///< that is so many
    std::uint64_t hits = 0;     ///< of `requests`
  };
  std::uint64_t requests = 0;  ///< sampled reads, of which each size could have answered `hits`
  std::array<Size, 5> sizes = {};

  /// 0 … 1; 0 when nothing was sampled.
  [[nodiscard]] double hit_ratio(std::size_t size) const noexcept {
    return requests == 0 ? 0 : static_cast<double>(sizes[size].hits) / static_cast<double>(requests);
  }
  [[nodiscard]] Advice since(const Advice& earlier) const noexcept {
    Advice between = *this;
    between.requests -= earlier.requests;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      between.sizes[i].hits -= std::min(sizes[i].hits, earlier.sizes[i].hits);
    }
    return between;
  }
};

}  // namespace terrace

namespace terrace::memory {

/// Thread safe.
class Advisor {
 public:
  struct Of {
    std::uint64_t entries;
    Eviction eviction;
    std::optional<Duration> ttl;
    std::optional<Duration> idle;
    const Clock* clock;
  };
  static constexpr std::array<double, 5> factors{0.25, 0.5, 1, 2, 4};

  /// Throws ConfigError when the cache has no bound on its entries.
  explicit Advisor(const Of& cache);
  ~Advisor();
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  [[nodiscard]] bool samples(std::uint64_t hash) const noexcept { return (hash >> 40 & mask_) == 0; }
  /// A sampled key is read. Dropped while another thread is at it.
  void saw(std::uint64_t hash) noexcept;
  /// It is erased.
  void erased(std::uint64_t hash) noexcept;
  void cleared() noexcept;

  /// `reads`: of all keys, sampled or not.
  [[nodiscard]] Advice advice(std::uint64_t reads) const noexcept;
  /// What it has allocated, itself included.
  [[nodiscard]] std::size_t heap_bytes() const noexcept;

 private:
  struct Miniatures;

  std::uint64_t mask_ = 0;
  mutable std::mutex mutex_;
  std::unique_ptr<Miniatures> miniatures_;
  Advice counts_;
};

}  // namespace terrace::memory
