#pragma once
/// Ghost: remembers recently evicted keys, in four bytes each: a 16-bit fingerprint and the time of eviction.
///
/// A table of 64-byte buckets with 16 places. A key's hash chooses the bucket; an addition takes an empty
/// place or the place of the oldest. A fingerprint is valid while no more than `capacity` keys were added
/// after it (the fingerprint table of the S3-FIFO paper, section 4.2). A false hit needs an equal fingerprint
/// in the same bucket: below 0.03 %.

#include <cstdint>
#include <memory>
#include <optional>
#include <terrace/detail/memory/node.hpp>

namespace terrace::memory {

class Ghost {
 public:
  /// Makes room for that many keys. A growing table loses its content. Throws std::bad_alloc.
  void reserve(std::uint64_t capacity) {
    if (capacity <= capacity_) return;
    const std::uint64_t wanted = (capacity + capacity / 5 + places - 1) / places;
    buckets_ = std::make_unique<Bucket[]>(static_cast<std::size_t>(wanted));
    buckets_count_ = wanted;
    capacity_ = capacity;
    added_ = 0;
    // The 16-bit times wrap; with at most 8192 steps per capacity, places are reused long before.
    for (shift_ = 0; (capacity >> shift_) > 8192;) ++shift_;
  }

  void add(std::uint64_t hash) noexcept {
    if (capacity_ == 0) return;
    Bucket& bucket = bucket_of(hash);
    const std::uint16_t now = time();
    unsigned oldest = 0;
    for (unsigned i = 0; i < places; ++i) {
      if (bucket.prints[i] == 0) {
        oldest = i;
        break;
      }
      if (age(bucket.times[i], now) > age(bucket.times[oldest], now)) oldest = i;
    }
    bucket.prints[oldest] = print_of(hash);
    bucket.times[oldest] = now;
    ++added_;
  }

  /// How long ago the key was added, in steps of now(); nothing if it is not remembered. This call removes
  /// it.
  std::optional<std::uint32_t> take(std::uint64_t hash) noexcept {
    if (capacity_ == 0) return std::nullopt;
    Bucket& bucket = bucket_of(hash);
    const auto limit = static_cast<std::uint16_t>(capacity_ >> shift_);
    for (unsigned i = 0; i < places; ++i) {
      const std::uint16_t passed = age(bucket.times[i], time());
      if (bucket.prints[i] == print_of(hash) && passed <= limit) {
        bucket.prints[i] = 0;
        return passed;
      }
    }
    return std::nullopt;
  }

  /// The present time, in steps of some additions each: at most 8192 steps for a full table.
  [[nodiscard]] std::uint64_t now() const noexcept { return added_ >> shift_; }

  [[nodiscard]] std::size_t heap_bytes() const noexcept { return buckets_count_ * sizeof(Bucket); }

  void clear() noexcept {
    for (std::uint64_t i = 0; i < buckets_count_; ++i) buckets_[i] = {};
  }

 private:
  static constexpr unsigned places = 16;
  struct alignas(cache_line) Bucket {
    std::uint16_t prints[places];  // 0: empty
    std::uint16_t times[places];
  };

  Bucket& bucket_of(std::uint64_t hash) noexcept {
    __extension__ using Wide = unsigned __int128;
    return buckets_[static_cast<std::size_t>((static_cast<Wide>(hash) * buckets_count_) >> 64)];
  }
  static std::uint16_t print_of(std::uint64_t hash) noexcept {
    const auto low = static_cast<std::uint16_t>(hash);
    return low == 0 ? 1 : low;
  }
  static std::uint16_t age(std::uint16_t time, std::uint16_t now) noexcept {
    return static_cast<std::uint16_t>(now - time);
  }
  [[nodiscard]] std::uint16_t time() const noexcept { return static_cast<std::uint16_t>(now()); }

  std::unique_ptr<Bucket[]> buckets_;
  std::uint64_t buckets_count_ = 0;
  std::uint64_t capacity_ = 0;
  std::uint64_t added_ = 0;
  unsigned shift_ = 0;
};

}  // namespace terrace::memory
