#pragma once
/// Node: one entry in memory, named by a 32-bit id. Sixteen bytes of links and state, then key and value.

#include <cstdint>
#include <cstring>
#include <limits>
#include <terrace/clock.hpp>

namespace terrace::memory {

using NodeId = std::uint32_t;
inline constexpr NodeId nil = ~NodeId{0};

inline constexpr std::size_t cache_line = 64;

/// Short times: 32 bits in units of 2^24 ns (16.8 ms) since the cache was made, saturated after 834 days.
inline constexpr unsigned stamp_shift = 24;
using Stamp = std::uint32_t;

[[nodiscard]] constexpr Stamp stamp_of(Duration since_start) noexcept {
  constexpr std::int64_t last = std::numeric_limits<Stamp>::max();
  const std::int64_t units = since_start.count() >> stamp_shift;
  return static_cast<Stamp>(units < 0 ? 0 : units > last ? last : units);
}

/// What every node has in front. Who owns the fields:
///  - `prev`, `next` and the low 24 bits of `bits` (the "word"): the eviction policy while the node is live;
///  the
///    free list while it is free; a chain of removed nodes in between.
///  - the flags in the high 8 bits: the shard.
///  - `when`: with `timed`, a stamp before which the entry is fresh for certain (the exact time is in a side
///    table); without, the stamp of its creation; in a removed node, its own id.
struct alignas(8) Links {
  static constexpr std::uint32_t word_mask = 0x00ff'ffff;
  static constexpr std::uint32_t live = 1U << 24;
  static constexpr std::uint32_t timed = 1U << 25;
  static constexpr std::uint32_t idles = 1U << 26;   ///< has an expiry after access
  static constexpr std::uint32_t pinned = 1U << 27;  ///< a handle has been given out at some time

  NodeId prev;
  NodeId next;
  std::uint32_t bits;
  Stamp when;

  [[nodiscard]] bool is(std::uint32_t flag) const noexcept { return (bits & flag) != 0; }
  [[nodiscard]] std::uint32_t word() const noexcept { return bits & word_mask; }
  void set_word(std::uint32_t word) noexcept { bits = (bits & ~word_mask) | word; }

  /// The chain of removed nodes is walked without the lock, where ids cannot be looked up: it holds
  /// addresses.
  [[nodiscard]] Links* chained() const noexcept {
    Links* to;
    std::memcpy(&to, &prev, sizeof to);
    return to;
  }
  void chain(Links* to) noexcept { std::memcpy(static_cast<void*>(this), &to, sizeof to); }
};
static_assert(sizeof(Links) == 16 && offsetof(Links, prev) == 0 && sizeof(Links*) <= 2 * sizeof(NodeId));

/// Key and value are made and destroyed by the shard; a value never changes while its node is live.
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
