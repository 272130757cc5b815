#pragma once
/// Index: maps a hash to node ids, in an open-addressing table of buckets of one cache line each.
///
/// A bucket holds 12 ids and, for each entry, an 8-bit tag of its hash; all tags are compared at once. An
/// entry that finds its home bucket full goes to the next one, and every full bucket that it passes counts it
/// in `overflow`. A lookup continues only while that count is not zero, and erasing leaves no tombstones.
/// (The layout of F14, Bronson and Shi 2019, https://engineering.fb.com/2019/04/25/developer-tools/f14/, with
/// ids in place of the entries.) The number of buckets is arbitrary (Lemire's multiply-shift range), so a
/// bounded cache gets a table of exactly the needed size.
///
/// find() needs no lock, in a Readers::Section. An entry never changes its slot, and the overflow counts of
/// the buckets that it passed stay above zero; so if a lookup does not find it, there was a moment during the
/// lookup when it was not in the table. Everything else runs under the shard's lock. A table that has grown
/// leaves its former memory in outgrown(), because readers may be using it.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <terrace/detail/memory/blocks.hpp>
#include <terrace/detail/memory/node.hpp>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace terrace::memory {

class Index {
 public:
  /// `expected`: the most entries; 0 if unknown. The table grows up to the size they need.
  explicit Index(std::uint64_t expected) noexcept
      : table_(none()), expected_buckets_(buckets_for(expected)) {}

  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  ~Index() {
    if (now() != none()) free_block(now());
  }

  /// The first id under this hash that `is_wanted(id)` accepts, or nil. May be called without the lock.
  template <class F>
  [[nodiscard, gnu::always_inline]] NodeId find(std::uint64_t hash, F&& is_wanted) const {
    const Table& table = *table_.load(std::memory_order_acquire);
    std::size_t at = table.home(hash);
    const std::uint8_t tag = tag_of(hash);
    std::size_t walked = 0;
    do {
      const Bucket& bucket = table.buckets()[at];
      const FastHead head = bucket.fast_head();
      for (unsigned matches = head.match(tag); matches != 0; matches &= matches - 1) {
        const auto slot = static_cast<std::size_t>(std::countr_zero(matches));
        const NodeId id = bucket.ids[slot].load(std::memory_order_acquire);
        if (is_wanted(id)) [[likely]]
          return id;
      }
      if (head.overflow() == 0) [[likely]]
        return nil;
      at = table.next(at);
    } while (++walked < table.size);
    return nil;
  }

  [[nodiscard]] std::size_t size() const noexcept { return now()->count; }

  /// Makes room for one more entry. `hash_of(id)` and the allocation may throw: then nothing has changed.
  template <class F>
  void reserve_one(F&& hash_of) {
    Table* const old = now();
    const std::size_t had = old == none() ? 0 : old->size;
    if (size() < had * fill) return;
    std::size_t wanted = std::max<std::size_t>(1, had * 2);
    if (had < expected_buckets_) wanted = std::min(wanted, expected_buckets_);
    std::unique_ptr<Table, Free> larger(allocate(wanted));
    for_each([&](NodeId id) { insert_into(*larger, hash_of(id), id); });
    table_.store(larger.release(), std::memory_order_release);
    if (had != 0) outgrown_.add(*old);
  }
  /// Tables that readers may still be using.
  [[nodiscard]] Blocks& outgrown() noexcept { return outgrown_; }

  /// There must be room: call reserve_one() first.
  void insert(std::uint64_t hash, NodeId id) noexcept { insert_into(*now(), hash, id); }

  /// Puts `to` in the place of `from`, both under this hash.
  void replace(std::uint64_t hash, NodeId from, NodeId to) noexcept {
    Table& table = *now();
    for (std::size_t at = table.home(hash);; at = table.next(at)) {
      Bucket& bucket = table.buckets()[at];
      if (const int slot = bucket.slot_of(tag_of(hash), from); slot >= 0) {
        bucket.ids[static_cast<unsigned>(slot)].store(to, std::memory_order_release);
        return;
      }
    }
  }

  void erase(std::uint64_t hash, NodeId id) noexcept {
    Table& table = *now();
    for (std::size_t at = table.home(hash);; at = table.next(at)) {
      Bucket& bucket = table.buckets()[at];
      if (const int slot = bucket.slot_of(tag_of(hash), id); slot >= 0) {
        bucket.set_byte(static_cast<unsigned>(slot), 0);
        --table.count;
        return;
      }
      if (bucket.overflow() != sticky) bucket.set_byte(overflow_at, bucket.overflow() - 1U);
    }
  }

  /// For an entry whose hash cannot be computed any more: searches everywhere. Overflow counts stay too high,
  /// which costs time in lookups until the table grows, and is never wrong.
  void erase_without_hash(NodeId id) noexcept {
    Table& table = *now();
    for (std::size_t at = 0; at < table.size; ++at) {
      Bucket& bucket = table.buckets()[at];
      for (unsigned slot = 0; slot < width; ++slot) {
        if (bucket.tag(slot) != 0 && bucket.ids[slot].load(std::memory_order_relaxed) == id) {
          bucket.set_byte(slot, 0);
          --table.count;
          return;
        }
      }
    }
  }

  void clear() noexcept {
    Table& table = *now();
    if (&table == none()) return;
    for (std::size_t at = 0; at < table.size; ++at) {
      for (auto& word : table.buckets()[at].words) word.store(0, std::memory_order_release);
    }
    table.count = 0;
  }

  template <class F>
  void for_each(F&& f) const {
    const Table& table = *now();
    for (std::size_t at = 0; at < table.size; ++at) {
      const Bucket& bucket = table.buckets()[at];
      for (unsigned slot = 0; slot < width; ++slot) {
        if (bucket.tag(slot) != 0) f(bucket.ids[slot].load(std::memory_order_relaxed));
      }
    }
  }

  [[nodiscard]] std::size_t heap_bytes() const noexcept { return now()->bytes + outgrown_.bytes(); }

 private:
  static constexpr unsigned width = 12;
  static constexpr unsigned fill = 9;  // average number of entries per bucket at which the table grows
  static constexpr std::uint8_t sticky =
      255;  // a count that was once this high is no longer exact, and stays

  static constexpr unsigned overflow_at = width;

  /// The first 16 bytes of a bucket: tags (0: empty), then the overflow count. Each half is read at one
  /// moment.
  struct Head {
    std::uint64_t low;
    std::uint64_t high;

    /// A bit for each slot with that tag.
    [[nodiscard]] unsigned match(std::uint8_t tag) const noexcept {
      unsigned found = 0;
      for (unsigned slot = 0; slot < width; ++slot) found |= unsigned{byte(slot) == tag} << slot;
      return found;
    }
    [[nodiscard]] std::uint8_t overflow() const noexcept { return byte(overflow_at); }
    [[nodiscard]] std::uint8_t byte(unsigned i) const noexcept {
      return static_cast<std::uint8_t>((i < 8 ? low : high) >> (i % 8 * 8));
    }
  };

#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
  /// The same in one register. The processor guarantees, not the language, that an aligned vector is read in
  /// two halves at worst. Therefore assembler is used, which also reads it exactly once.
  struct FastHead {
    __m128i bytes;

    [[nodiscard]] unsigned match(std::uint8_t tag) const noexcept {
      const __m128i same = _mm_cmpeq_epi8(bytes, _mm_set1_epi32(static_cast<int>(tag * 0x01010101U)));
      return static_cast<unsigned>(_mm_movemask_epi8(same)) & ((1U << width) - 1);
    }
    [[nodiscard]] std::uint8_t overflow() const noexcept {
      return static_cast<std::uint8_t>(_mm_extract_epi16(bytes, overflow_at / 2));
    }
  };
#else
  using FastHead = Head;
#endif

  struct alignas(cache_line) Bucket {
    std::array<std::atomic<std::uint64_t>, 2> words{};  // see Head
    std::array<std::atomic<NodeId>, width> ids{};

    [[nodiscard]] Head head() const noexcept {
      return {words[0].load(std::memory_order_acquire), words[1].load(std::memory_order_acquire)};
    }
    [[nodiscard]] FastHead fast_head() const noexcept {
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
      FastHead head;
      asm volatile("movdqa %1, %0" : "=x"(head.bytes) : "m"(words));
      std::atomic_signal_fence(std::memory_order_acquire);
      return head;
#else
      return head();
#endif
    }
    [[nodiscard]] std::uint8_t tag(unsigned slot) const noexcept {
      return head().byte(slot);
    }
    [[nodiscard]] std::uint8_t overflow() const noexcept {
      return head().overflow();
    }
    void set_byte(unsigned i, unsigned value) noexcept {
      std::atomic<std::uint64_t>& word = words[i / 8];
      const unsigned shift = i % 8 * 8;
      word.store((word.load(std::memory_order_relaxed) & ~(std::uint64_t{0xff} << shift)) |
                     std::uint64_t{value} << shift,
                 std::memory_order_release);
    }

    [[nodiscard]] int slot_of(std::uint8_t tag, NodeId id) const noexcept {
      for (unsigned matches = fast_head().match(tag); matches != 0; matches &= matches - 1) {
        const auto slot = static_cast<unsigned>(std::countr_zero(matches));
        if (ids[slot].load(std::memory_order_relaxed) == id) return static_cast<int>(slot);
      }
      return -1;
    }
  };
  static_assert(sizeof(Bucket) == cache_line);

  /// The buckets follow. Fields that only writers use have their own cache line.
  struct alignas(cache_line) Table : Block {
    std::size_t size = 0;                       // buckets
    alignas(cache_line) std::size_t count = 0;  // entries

    [[nodiscard]] Bucket* buckets() noexcept { return reinterpret_cast<Bucket*>(this + 1); }
    [[nodiscard]] const Bucket* buckets() const noexcept { return reinterpret_cast<const Bucket*>(this + 1); }
    [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
      __extension__ using Wide = unsigned __int128;
      return static_cast<std::size_t>((static_cast<Wide>(hash) * size) >> 64);
    }
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return at + 1 == size ? 0 : at + 1; }
  };

  /// Stands for the table while there is none: one empty bucket, which is never written.
  struct NoTable : Table {
    constexpr NoTable() noexcept { size = 1; }
    Bucket bucket;
  };
  static const NoTable no_table;
  static Table* none() noexcept {
    return const_cast<NoTable*>(&no_table);
  }

  struct Free {
    void operator()(Table* table) const noexcept { free_block(table); }
  };

  static Table* allocate(std::size_t buckets) {
    const std::size_t bytes = sizeof(Table) + buckets * sizeof(Bucket);
    auto* const table = new (allocate_block(bytes)) Table;
    table->bytes = bytes;
    table->size = buckets;
    std::uninitialized_value_construct_n(table->buckets(), buckets);
    return table;
  }

  static void insert_into(Table& table, std::uint64_t hash, NodeId id) noexcept {
    for (std::size_t at = table.home(hash);; at = table.next(at)) {
      Bucket& bucket = table.buckets()[at];
      const unsigned empty = bucket.fast_head().match(0);
      if (empty != 0) {
        const auto slot = static_cast<unsigned>(std::countr_zero(empty));
        bucket.ids[slot].store(id, std::memory_order_release);
        bucket.set_byte(slot, tag_of(hash));
        ++table.count;
        return;
      }
      if (bucket.overflow() != sticky) bucket.set_byte(overflow_at, bucket.overflow() + 1U);
    }
  }

  static constexpr std::size_t buckets_for(std::uint64_t entries) noexcept {
    return static_cast<std::size_t>((entries + fill - 1) / fill);
  }
  static std::uint8_t tag_of(std::uint64_t hash) noexcept {
    const auto low = static_cast<std::uint8_t>(hash);
    return low == 0 ? 1 : low;
  }
  /// Under the lock.
  [[nodiscard]] Table* now() const noexcept {
    return table_.load(std::memory_order_relaxed);
  }

  std::atomic<Table*> table_{nullptr};
  std::size_t expected_buckets_;
  Blocks outgrown_;
};

inline constinit const Index::NoTable Index::no_table;

}  // namespace terrace::memory
