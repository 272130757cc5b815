#pragma once
/// WindowClock: a FIFO window in front of a CLOCK, with ghosts that are admitted by their reuse distance. The
/// adaptive policy changes the parameters of this structure; a hit only raises a two-bit counter.
///
/// A new entry starts in the window, a share of the cache. At the end of the window an entry that was used
/// often enough moves to the main queue; one that was used once goes round in the window again; any other is
/// evicted and remembered as a ghost. (As in S3-FIFO, Yang et al., SOSP 2023.)
///
/// A ghost that comes back may enter the main queue in place of an entry there, if it is the better of the
/// two: the time since its eviction is compared with the time since the hand last passed the next victim of
/// the main queue, an entry that has not been used since. This is the comparison of LIRS (Jiang, Zhang,
/// SIGMETRICS 2002: reuse distance against recency), done at the hand of a CLOCK as in CLOCK-Pro (Jiang,
/// Chen, Zhang, USENIX ATC 2005), but with ages in place of a third hand. So for a loop larger than the
/// cache, the part in the cache stays there, while a working set that moves is admitted. Ages count the
/// ghosts made meanwhile.
///
/// While the main queue has room, the last entries of the window go there, whether they were used or not.

#include <algorithm>
#include <terrace/detail/memory/two_queues.hpp>
#include <utility>

namespace terrace::memory {

/// The parameters: the window's share of the cache, and how many uses in the window lead to the main queue.
struct WindowShape {
  std::uint32_t permille;
  std::uint32_t promoting_uses;
};

class WindowClock : public TwoQueues {
 public:
  static constexpr std::uint64_t least_ghosts = 3072;

  /// `expected`: the most entries; 0 if unknown. `least_ghosts`: as many as a small cache needs to recognise
  /// a loop several times its size.
  explicit WindowClock(std::uint64_t expected, WindowShape shape, std::uint64_t least = least_ghosts) noexcept
      : shape_(shape), bound_(expected), expected_(expected), least_ghosts_(least) {}

  /// Takes effect gradually, as entries are added and removed.
  void reshape(WindowShape shape) noexcept { shape_ = shape; }

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t hash, const Worth&) {
    reserve_ghosts();
    place(entries, id, admit(entries, hash));
  }

  // The three parts of prepare().

  /// Memory for 1.5 times as many ghosts as there are entries. Throws std::bad_alloc.
  void reserve_ghosts() {
    const std::uint64_t needed = expected_ != 0 ? expected_ : size() + 1;
    if (needed <= ghosts_for_) return;
    const std::uint64_t wanted = expected_ != 0 ? expected_ : std::max<std::uint64_t>(1024, needed * 2);
    ghost_.reserve(std::max(least_ghosts_, wanted + wanted / 2));
    ghosts_for_ = wanted;
  }
  /// Whether the new entry starts in the main queue.
  template <class Entries>
  bool admit(const Entries& entries, std::uint64_t hash) noexcept {
    bound_ = std::max<std::uint64_t>(bound_, size());
    fill_main(entries);
    return is_let_in(entries, hash);
  }
  template <class Entries>
  void place(const Entries& entries, NodeId id, bool main) const noexcept {
    entries[id].set_word(main ? in_main : 0);
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    takes_from_main_ = false;
    if ((entries[id].bits & in_main) != 0) {
      enter_main(entries, id, 0);
    } else {
      incoming_.push_front(entries, id);
    }
  }

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    takes_from_main_ = false;
    TwoQueues::replace(entries, from, to);
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    if (size() == 0) return nil;
    bound_ = size();
    if (std::exchange(takes_from_main_, false) && main_.size != 0) return turn_hand(entries);
    std::size_t turns = most_rounds * std::size_t{incoming_.size};
    while (main_.size == 0 || incoming_.size >= target()) {
      const NodeId id = incoming_.back;
      Links& node = entries[id];
      const std::uint32_t uses = uses_of(node);
      if (uses == 0 || turns-- == 0) return id;
      incoming_.remove(entries, id);
      if (uses >= shape_.promoting_uses) {
        enter_main(entries, id, 0);
      } else {
        node.set_word(0);
        incoming_.push_front(entries, id);
      }
    }
    return turn_hand(entries);
  }

  void clear() noexcept {
    TwoQueues::clear();
    takes_from_main_ = false;
  }

 private:
  // Above a node's uses and place: the time when it last came to the head of the main queue.
  static constexpr unsigned stamp_at = 3;
  static constexpr std::uint32_t stamp_mask = Links::word_mask >> stamp_at;
  // Readers may raise counters as fast as a queue goes round and lowers them: then the loop ends here.
  static constexpr std::size_t most_rounds = most_uses + 1;
  // At most this many entries leave the window for an empty main queue at a time: a change of shape must not
  // make one caller wait.
  static constexpr int moves_per_entry = 2;

  [[nodiscard]] std::uint64_t target() const noexcept {
    return std::max<std::uint64_t>(1, bound_ * shape_.permille / 1000);
  }
  /// Under a bound on bytes the number of entries that fit varies with their sizes: only an eighth counts as
  /// room then, otherwise unused entries would get into the main queue with every variation.
  [[nodiscard]] bool main_has_room() const noexcept {
    return main_.size + target() + (expected_ != 0 ? 0 : bound_ / 8) < bound_;
  }

  template <class Entries>
  void fill_main(const Entries& entries) noexcept {
    for (int i = 0; i < moves_per_entry && incoming_.size >= target() && main_has_room(); ++i) {
      const NodeId id = incoming_.back;
      incoming_.remove(entries, id);
      enter_main(entries, id, 0);
    }
  }

  template <class Entries>
  bool is_let_in(const Entries& entries, std::uint64_t hash) noexcept {
    takes_from_main_ = false;
    const auto age = ghost_.take(hash);
    if (!age) return false;
    if (size() >= bound_ && !main_has_room()) {
      if (main_.size == 0) return false;
      const std::uint32_t idle = idle_time(entries[turn_hand(entries)]);
      if (std::uint64_t{*age} * 4 > std::uint64_t{idle} * 3)
        return false;  // a margin, because moving is not free
      takes_from_main_ = true;
    }
    return true;
  }

  /// Passes entries that were used, once for each use, and stops at an unused one.
  template <class Entries>
  NodeId turn_hand(const Entries& entries) noexcept {
    for (std::size_t turns = most_rounds * std::size_t{main_.size};; --turns) {
      const NodeId id = main_.back;
      const std::uint32_t uses = uses_of(entries[id]);
      if (uses == 0 || turns == 0) return id;
      main_.remove(entries, id);
      enter_main(entries, id, uses - 1);
    }
  }

  template <class Entries>
  void enter_main(const Entries& entries, NodeId id, std::uint32_t uses) noexcept {
    const auto now = static_cast<std::uint32_t>(ghost_.now()) & stamp_mask;
    entries[id].set_word(now << stamp_at | in_main | uses);
    main_.push_front(entries, id);
  }
  [[nodiscard]] std::uint32_t idle_time(const Links& node) const noexcept {
    return (static_cast<std::uint32_t>(ghost_.now()) - (node.word() >> stamp_at)) & stamp_mask;
  }

  WindowShape shape_;
  bool takes_from_main_ = false;  // the prepared entry costs one entry of the main queue
  std::uint64_t ghosts_for_ = 0;
  std::uint64_t bound_;  // number of entries when it is full, as far as known
  std::uint64_t expected_;
  std::uint64_t least_ghosts_;
};

}  // namespace terrace::memory
