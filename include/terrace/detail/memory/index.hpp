#pragma once
/// Index: from a hash to node ids, in an open-addressing table of one-cache-line buckets.
///
/// A bucket holds 12 ids and, of each entry's hash, an 8-bit tag; all tags are compared at once. An entry
/// that finds its home bucket full goes to the next one, and every full bucket it passes counts it in
/// `overflow`: a look-up walks on only while that count is not zero, and erasing leaves no tombstones. (The
/// layout of F14, Bronson and Shi 2019, https://engineering.fb.com/2019/04/25/developer-tools/f14/, with ids
/// in place of the entries.) The number of buckets is free (Lemire's multiply-shift range), so a bounded
/// cache gets just the table it needs.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <terrace/detail/memory/node.hpp>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace terrace::memory {

class Index {
 public:
  /// `expected`: the most entries there will be; 0 when unknown. The table grows up to what they need.
  explicit Index(std::uint64_t expected) noexcept : expected_buckets_(buckets_for(expected)) {}

  /// The first id under this hash that `is_wanted(id)` accepts, or nil.
  template <class F>
  [[nodiscard]] NodeId find(std::uint64_t hash, F&& is_wanted) const {
    if (count_ == 0) return nil;
    std::size_t at = home(hash);
    const std::uint8_t tag = tag_of(hash);
    for (std::size_t walked = 0; walked < buckets_count_; ++walked) {
      const Bucket& bucket = buckets_.get()[at];
      for (unsigned matches = bucket.match(tag); matches != 0; matches &= matches - 1) {
        const NodeId id = bucket.ids[std::countr_zero(matches)];
        if (is_wanted(id)) return id;
      }
      if (bucket.overflow == 0) return nil;
      at = next(at);
    }
    return nil;
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }

  /// Makes room for one more entry. `hash_of(id)` may throw, and so may the allocation: nothing has changed
  /// then.
  template <class F>
  void reserve_one(F&& hash_of) {
    if (count_ < buckets_count_ * fill) return;
    std::size_t wanted = std::max<std::size_t>(1, buckets_count_ * 2);
    if (buckets_count_ < expected_buckets_) wanted = std::min(wanted, expected_buckets_);
    Index larger(0);
    larger.buckets_ = allocate(wanted);
    larger.buckets_count_ = wanted;
    for_each([&](NodeId id) { larger.insert(hash_of(id), id); });
    buckets_.swap(larger.buckets_);
    buckets_count_ = wanted;
  }

  /// There must be room: reserve_one().
  void insert(std::uint64_t hash, NodeId id) noexcept {
    for (std::size_t at = home(hash);; at = next(at)) {
      Bucket& bucket = buckets_.get()[at];
      const unsigned empty = bucket.match(0);
      if (empty != 0) {
        const int slot = std::countr_zero(empty);
        bucket.tags[slot] = tag_of(hash);
        bucket.ids[slot] = id;
        ++count_;
        return;
      }
      if (bucket.overflow != sticky) ++bucket.overflow;
    }
  }

  /// Puts `to` in the place of `from`, both under this hash.
  void replace(std::uint64_t hash, NodeId from, NodeId to) noexcept {
    for (std::size_t at = home(hash);; at = next(at)) {
      Bucket& bucket = buckets_.get()[at];
      if (const int slot = bucket.slot_of(tag_of(hash), from); slot >= 0) {
        bucket.ids[slot] = to;
        return;
      }
    }
  }

  void erase(std::uint64_t hash, NodeId id) noexcept {
    for (std::size_t at = home(hash);; at = next(at)) {
      Bucket& bucket = buckets_.get()[at];
      if (const int slot = bucket.slot_of(tag_of(hash), id); slot >= 0) {
        bucket.tags[slot] = 0;
        --count_;
        return;
      }
      if (bucket.overflow != sticky) --bucket.overflow;
    }
  }

  /// For an entry whose hash cannot be had any more: looks everywhere. Overflow counts stay too high, which
  /// costs look-ups time until the table grows, and is never wrong.
  void erase_without_hash(NodeId id) noexcept {
    for (std::size_t at = 0; at < buckets_count_; ++at) {
      Bucket& bucket = buckets_.get()[at];
      for (unsigned slot = 0; slot < width; ++slot) {
        if (bucket.tags[slot] != 0 && bucket.ids[slot] == id) {
          bucket.tags[slot] = 0;
          --count_;
          return;
        }
      }
    }
  }

  void clear() noexcept {
    if (buckets_) std::memset(static_cast<void*>(buckets_.get()), 0, buckets_count_ * sizeof(Bucket));
    count_ = 0;
  }

  template <class F>
  void for_each(F&& f) const {
    for (std::size_t at = 0; at < buckets_count_; ++at) {
      const Bucket& bucket = buckets_.get()[at];
      for (unsigned slot = 0; slot < width; ++slot) {
        if (bucket.tags[slot] != 0) f(bucket.ids[slot]);
      }
    }
  }

 private:
  static constexpr unsigned width = 12;
  static constexpr unsigned fill = 9;  // entries per bucket, on average, at which the table grows
  static constexpr std::uint8_t sticky =
      255;  // a count that was once this high is no longer exact, and stays

  struct alignas(cache_line) Bucket {
    std::uint8_t tags[width];  // 0: empty
    std::uint8_t overflow;
    std::uint8_t unused[3];
    NodeId ids[width];

    /// A bit for each slot with that tag.
    [[nodiscard]] unsigned match(std::uint8_t tag) const noexcept {
#if defined(__SSE2__)
      const __m128i head = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
      const __m128i same = _mm_cmpeq_epi8(head, _mm_set1_epi8(static_cast<char>(tag)));
      return static_cast<unsigned>(_mm_movemask_epi8(same)) & ((1U << width) - 1);
#else
      unsigned found = 0;
      for (unsigned slot = 0; slot < width; ++slot) found |= unsigned{tags[slot] == tag} << slot;
      return found;
#endif
    }

    [[nodiscard]] int slot_of(std::uint8_t tag, NodeId id) const noexcept {
      for (unsigned matches = match(tag); matches != 0; matches &= matches - 1) {
        const int slot = std::countr_zero(matches);
        if (ids[slot] == id) return slot;
      }
      return -1;
    }
  };
  static_assert(sizeof(Bucket) == cache_line);

  struct Free {
    void operator()(Bucket* memory) const noexcept {
      ::operator delete (static_cast<void*>(memory), std::align_val_t{cache_line});
    }
  };
  using Buckets = std::unique_ptr<Bucket, Free>;

  static Buckets allocate(std::size_t count) {
    void* memory = ::operator new (count * sizeof(Bucket), std::align_val_t{cache_line});
    std::memset(memory, 0, count * sizeof(Bucket));
    return Buckets{static_cast<Bucket*>(memory)};
  }

  static constexpr std::size_t buckets_for(std::uint64_t entries) noexcept {
    return static_cast<std::size_t>((entries + fill - 1) / fill);
  }
  static std::uint8_t tag_of(std::uint64_t hash) noexcept {
    const auto low = static_cast<std::uint8_t>(hash);
    return low == 0 ? 1 : low;
  }
  [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((static_cast<Wide>(hash) * buckets_count_) >> 64);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
    return at + 1 == buckets_count_ ? 0 : at + 1;
  }

  Buckets buckets_;
  std::size_t buckets_count_ = 0;
  std::size_t count_ = 0;
  std::size_t expected_buckets_;
};

}  // namespace terrace::memory
