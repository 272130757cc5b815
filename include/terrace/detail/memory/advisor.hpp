#pragma once
/// Advisor: estimates from a cache's own reads what it would answer if it were smaller or larger.
///
/// A hash-sampled share of the keys is also looked up in five miniature caches that hold only hashes. They
/// have a quarter, half, once, twice and four times that share of the entries, and the cache's own policy and
/// lifetimes. Each has about the hit ratio of a whole cache of its size (Waldspurger, Saemundsson, Ahmad,
/// Park: Cache modeling and optimization using miniature simulations, USENIX ATC 2017). Most of the error
/// comes from whether one of the few most popular keys is in the sample. Such keys are hits at any size, so
/// the difference between the sample's reads and its expected share is subtracted or added as hits (the
/// adjustment of SHARDS: Waldspurger, Park, Garthwaite, Ahmad: Efficient MRC construction with SHARDS, USENIX
/// FAST 2015).

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <terrace/advice.hpp>
#include <terrace/clock.hpp>
#include <terrace/eviction.hpp>

namespace terrace {}  // namespace terrace

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

  /// Throws ConfigError if the cache has no bound on its entries.
  explicit Advisor(const Of& cache);
  ~Advisor();
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  [[nodiscard]] bool samples(std::uint64_t hash) const noexcept { return (hash >> 40 & mask_) == 0; }
  /// A sampled key is read. Dropped while another thread is in here.
  void saw(std::uint64_t hash) noexcept;
  /// The key is erased.
  void erased(std::uint64_t hash) noexcept;
  void cleared() noexcept;

  /// `reads`: of all keys, sampled or not.
  [[nodiscard]] Advice advice(std::uint64_t reads) const noexcept;
  /// The memory it has allocated, itself included.
  [[nodiscard]] std::size_t heap_bytes() const noexcept;

 private:
  struct Miniatures;

  std::uint64_t mask_ = 0;
  mutable std::mutex mutex_;
  std::unique_ptr<Miniatures> miniatures_;
  Advice counts_;
};

}  // namespace terrace::memory
