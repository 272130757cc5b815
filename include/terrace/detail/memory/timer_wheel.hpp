#pragma once
/// TimerWheel: finds expired entries without looking at the others. A hierarchical timing wheel after
/// Varghese, Lauck: Hashed and hierarchical timing wheels (SOSP 1987), scheme 7; scheduling and cancelling
/// take constant time.
///
/// Time runs in ticks of 2^26 ns (67 ms). Level 0 has a slot for each of 64 ticks, level 1 for each 64 × 64,
/// and so on; seven levels cover more than the range of the clock. An entry waits on the level of the highest
/// base-64 digit in which its tick differs from the present one, in the slot of that digit. When the wheel
/// reaches a slot above level 0, its entries move down. On level 0 they are due once their tick has passed,
/// so never early and at most a tick late. A bitmap per level finds the next occupied slot, so idle time
/// costs nothing.

#include <algorithm>
#include <array>
#include <bit>
#include <terrace/detail/memory/node.hpp>

namespace terrace::memory {

/// The times of an entry that expires, and its place in the wheel.
struct Timing {
  TimePoint expires;  ///< it is not served from then on
  NodeId prev = nil;
  NodeId next = nil;
  Stamp created = 0;
  std::uint16_t slot = 0;
};

/// `timings[id]` must give Timing&.
class TimerWheel {
 public:
  static constexpr unsigned tick_shift = 26;

  explicit TimerWheel(TimePoint now) noexcept : now_(tick_of(now)) {
    for (auto& level : slots_) level.fill(nil);
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  template <class Timings>
  void schedule(Timings& timings, NodeId id) noexcept {
    Timing& timing = timings[id];
    const std::uint64_t due = std::max(tick_of(timing.expires), now_);
    const unsigned level =
        due == now_ ? 0 : (static_cast<unsigned>(std::bit_width(due ^ now_)) - 1) / digit_bits;
    const unsigned digit = digit_of(due, level);
    NodeId& head = slots_[level][digit];
    timing.slot = static_cast<std::uint16_t>(level << digit_bits | digit);
    timing.prev = nil;
    timing.next = head;
    if (head != nil) timings[head].prev = id;
    head = id;
    occupied_[level] |= std::uint64_t{1} << digit;
    ++size_;
  }

  template <class Timings>
  void cancel(Timings& timings, NodeId id) noexcept {
    const Timing& timing = timings[id];
    const unsigned level = timing.slot >> digit_bits;
    const unsigned digit = timing.slot & digit_mask;
    NodeId& head = slots_[level][digit];
    (timing.prev == nil ? head : timings[timing.prev].next) = timing.next;
    if (timing.next != nil) timings[timing.next].prev = timing.prev;
    if (head == nil) occupied_[level] &= ~(std::uint64_t{1} << digit);
    --size_;
  }

  /// The next entry whose tick has passed. It stays scheduled: cancel it, or call postpone() if its expiry
  /// has moved. Nil: none is due, or `steps` are used up (one for each entry examined). Call until it is nil
  /// with steps left.
  template <class Timings>
  [[nodiscard]] NodeId due(Timings& timings, TimePoint now, std::size_t& steps) noexcept {
    const std::uint64_t tick = std::max(tick_of(now), now_);
    while (steps > 0 && advance(tick)) {
      --steps;
      const NodeId above = waiting_above();
      if (above == nil) return slots_[0][digit_of(now_, 0)];
      postpone(timings, above);
    }
    return nil;
  }

  /// Moves the entry to the place of its present expiry.
  template <class Timings>
  void postpone(Timings& timings, NodeId id) noexcept {
    cancel(timings, id);
    schedule(timings, id);
  }

  /// Calls f(id) for the entries of the present tick, which may or may not have expired yet. f may cancel
  /// that entry.
  template <class Timings, class F>
  void for_each_present(Timings& timings, F&& f) {
    for (NodeId id = slots_[0][digit_of(now_, 0)]; id != nil;) {
      const NodeId next = timings[id].next;
      f(id);
      id = next;
    }
  }

  void clear() noexcept {
    for (auto& level : slots_) level.fill(nil);
    occupied_.fill(0);
    size_ = 0;
  }

  /// Calls f(id) for every entry; returns false if links, bitmaps or places contradict each other.
  template <class Timings, class F>
  [[nodiscard]] bool check(const Timings& timings, F&& f) const {
    std::size_t seen = 0;
    for (unsigned level = 0; level < levels; ++level) {
      for (unsigned digit = 0; digit <= digit_mask; ++digit) {
        const bool marked = (occupied_[level] >> digit & 1) != 0;
        if (marked != (slots_[level][digit] != nil)) return false;
        NodeId before = nil;
        for (NodeId id = slots_[level][digit]; id != nil; before = id, id = timings[id].next) {
          if (timings[id].slot != (level << digit_bits | digit) || timings[id].prev != before) return false;
          if (digit < digit_of(now_, level) || ++seen > size_) return false;
          f(id);
        }
      }
    }
    return seen == size_;
  }

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned digit_mask = 63;
  static constexpr unsigned levels = 7;

  static std::uint64_t tick_of(TimePoint t) noexcept {
    const auto ns = t.time_since_epoch().count();
    return ns < 0 ? 0 : static_cast<std::uint64_t>(ns) >> tick_shift;
  }
  static unsigned digit_of(std::uint64_t tick, unsigned level) noexcept {
    return static_cast<unsigned>(tick >> (level * digit_bits)) & digit_mask;
  }

  /// An entry above level 0 in a slot that the wheel has reached: it must move down.
  [[nodiscard]] NodeId waiting_above() const noexcept {
    for (unsigned level = 1; level < levels; ++level) {
      if (const NodeId id = slots_[level][digit_of(now_, level)]; id != nil) return id;
    }
    return nil;
  }

  /// Moves to the first occupied slot not after `tick`; false: there is none, and the wheel stands at `tick`.
  bool advance(std::uint64_t tick) noexcept {
    if (waiting_above() != nil) return true;
    for (unsigned level = 0; level < levels; ++level) {
      const unsigned digit = digit_of(now_, level);
      const std::uint64_t ahead = occupied_[level] >> digit << digit;
      if (ahead == 0) continue;
      const auto slot = static_cast<std::uint64_t>(std::countr_zero(ahead));
      const unsigned shift = level * digit_bits;
      const std::uint64_t start = (now_ >> shift >> digit_bits << digit_bits | slot) << shift;
      const bool reached = level == 0 ? start < tick : start <= tick;
      now_ = reached ? start : tick;
      return reached;
    }
    now_ = tick;
    return false;
  }

  std::uint64_t now_;
  std::size_t size_ = 0;
  std::array<std::uint64_t, levels> occupied_{};
  std::array<std::array<NodeId, digit_mask + 1>, levels> slots_;
};

}  // namespace terrace::memory
