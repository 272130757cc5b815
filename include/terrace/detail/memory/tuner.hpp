#pragma once
/// Tuner: finds the best present shape of a WindowClock, by shadow caches; one tuner for all shards.
///
/// At most every eighth key, chosen by its hash, is also looked up in one shadow cache for each of five
/// shapes. A shadow has the same share of the cache's entries, 256 to 512 of them for a large cache, and no
/// values. If one of two shadows hits and the other misses, that is counted for the pair. From time to time
/// the shape with the most hits replaces the present one, if the difference between the two is at least twice
/// the standard deviation of as many coin tosses (the test of McNemar, Psychometrika 12, 1947). Old counts
/// fade, so the tuner follows a changing workload.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <terrace/detail/memory/window_clock.hpp>

namespace terrace::memory {

class ShadowCache;

class Tuner {
 public:
  /// `entries`: of the whole cache; 0 if unknown, then expect_per_shard() is called when it is known. Throws
  /// std::bad_alloc.
  explicit Tuner(std::uint64_t entries);
  ~Tuner();
  Tuner(const Tuner&) = delete;
  Tuner& operator=(const Tuner&) = delete;

  [[nodiscard]] WindowShape best() const noexcept { return shapes[best_.load(std::memory_order_relaxed)]; }

  [[nodiscard]] bool samples(std::uint64_t hash) const noexcept {
    return (hash >> 32 & mask_.load(std::memory_order_relaxed)) == 0;
  }
  /// A sampled key was read. Dropped while another thread is in here.
  void saw(std::uint64_t hash) noexcept;

  /// Counts a shard.
  void join() noexcept { shards_.fetch_add(1, std::memory_order_relaxed); }
  /// Starts again with empty shadows, for a cache of that many entries in each shard. False: there is no
  /// memory for them, and nothing has changed.
  bool expect_per_shard(std::uint64_t entries) noexcept;

  /// The memory it has allocated, itself included.
  [[nodiscard]] std::size_t heap_bytes() const noexcept;

  static constexpr std::size_t shapes_count = 5;

 private:
  static constexpr WindowShape shapes[shapes_count] = {{50, 2}, {10, 2}, {200, 2}, {400, 1}, {700, 2}};
  static constexpr std::uint64_t nothing = ~std::uint64_t{0};

  /// Throws std::bad_alloc: then nothing has changed.
  void start(std::uint64_t entries);
  void compare(const bool (&hits)[shapes_count]) noexcept;
  void choose() noexcept;

  std::atomic<std::uint64_t> mask_{nothing};
  std::atomic<std::uint32_t> best_{0};
  std::atomic<std::uint32_t> shards_{0};
  // Fields that each sampled read changes, away from the mask that every hit reads.
  alignas(cache_line) mutable std::mutex mutex_;
  std::unique_ptr<ShadowCache[]> shadows_;
  std::uint64_t seen_ = 0;
  std::uint64_t interval_ = 0;
  double hits_[shapes_count] = {};
  double leads_[shapes_count][shapes_count] = {};    // hits of one where the other missed, minus the reverse
  double differs_[shapes_count][shapes_count] = {};  // how often that happened
};

}  // namespace terrace::memory
