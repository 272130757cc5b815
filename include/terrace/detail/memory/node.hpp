#pragma once
/// Node: one entry in memory, named by a 32-bit id. Sixteen bytes of links and state, then key and value.

#include <atomic>
#include <cstdint>
#include <limits>
#include <terrace/clock.hpp>

namespace terrace::memory {

using NodeId = std::uint32_t;
inline constexpr NodeId nil = ~NodeId{0};

inline constexpr std::size_t cache_line = 64;

/// Short times: 32 bits in units of 2^24 ns (16.8 ms) since the cache was made; saturated after 834 days.
inline constexpr unsigned stamp_shift = 24;
using Stamp = std::uint32_t;

[[nodiscard]] constexpr Stamp stamp_of(Duration since_start) noexcept {
  constexpr std::int64_t last = std::numeric_limits<Stamp>::max();
  const std::int64_t units = since_start.count() >> stamp_shift;
  return static_cast<Stamp>(units < 0 ? 0 : units > last ? last : units);
}

/// What an entry is worth, for policies that need it.
struct Worth {
  std::uint64_t weight = 1;
  double cost = 1;
};

/// A word that readers may read without the lock. One thread at a time sets it, under the lock.
class SharedWord {
 public:
  // NOLINTNEXTLINE: a word like any other
  operator std::uint32_t() const noexcept { return word_.load(std::memory_order_relaxed); }
  SharedWord& operator=(std::uint32_t word) noexcept {
    word_.store(word, std::memory_order_relaxed);
    return *this;
  }
  SharedWord& operator|=(std::uint32_t flags) noexcept { return *this = *this | flags; }
  SharedWord& operator&=(std::uint32_t flags) noexcept { return *this = *this & flags; }

  /// Adds one to the counter in the lowest bits (`most` is their mask) unless it has its maximum. Runs
  /// without the lock, concurrently with anything: it changes nothing else; if it collides with another
  /// change, it may be lost.
  void raise(std::uint32_t most) noexcept {
    std::uint32_t seen = *this;
    if ((seen & most) < most) word_.compare_exchange_strong(seen, seen + 1, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> word_;
};

/// The first part of every node. Owners of the fields:
///  - `prev`, `next` and the low 24 bits of `bits` (the "word"): the eviction policy while the node is live.
///    `next` alone: chains of removed and of free nodes.
///  - the flags in the high 8 bits: the shard.
///  - `when`: with `timed`, a stamp before which the entry is certainly fresh (the exact time is in a side
///    table); without, the stamp of its creation.
/// Readers read `bits` and `when` without the lock, and may do so for a while after the node was removed:
/// both keep their meaning until the node is free.
struct alignas(8) Links {
  static constexpr std::uint32_t word_mask = 0x00ff'ffff;
  static constexpr std::uint32_t live = 1U << 24;
  static constexpr std::uint32_t timed = 1U << 25;
  static constexpr std::uint32_t idles = 1U << 26;   ///< expires after access
  static constexpr std::uint32_t pinned = 1U << 27;  ///< a handle was given out at some time
  static constexpr unsigned cause_shift = 28;        ///< two bits: why it was removed

  NodeId prev;
  NodeId next;
  SharedWord bits;
  SharedWord when;

  [[nodiscard]] bool is(std::uint32_t flag) const noexcept { return (bits & flag) != 0; }
  [[nodiscard]] std::uint32_t word() const noexcept { return bits & word_mask; }
  void set_word(std::uint32_t word) noexcept { bits = (bits & ~word_mask) | word; }
  [[nodiscard]] unsigned cause() const noexcept { return bits >> cause_shift & 3; }
};
static_assert(sizeof(Links) == 16);

/// The shard makes and destroys key and value; a value never changes while its node is live.
template <class K, class V>
struct Node : Links {
  union {
    K key;
  };
  union {
    V value;
  };
  Node() = delete;
  ~Node() = delete;
};

}  // namespace terrace::memory
