#pragma once
/// S3Fifo: three static FIFO queues; resistant to scans, and a hit only raises a two-bit counter. After Yang,
/// Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction (SOSP 2023).
///
/// Most keys of a real workload are never asked for again, so they should leave soon. A new entry starts in
/// the small queue, a tenth of the cache. When its turn to leave comes: used at least twice meanwhile, it
/// moves to the main queue; else it is evicted, and its fingerprint is remembered in the ghost queue, as long
/// as the main queue. A key that comes back while remembered starts in the main queue. At the end of the main
/// queue an entry that was used goes round once more for each use (at most three); one that was not is
/// evicted.

#include <algorithm>
#include <optional>
#include <terrace/detail/memory/ghost.hpp>
#include <terrace/detail/memory/list.hpp>

namespace terrace::memory {

class S3Fifo {
 public:
  static constexpr std::uint32_t most_uses = 3;

  /// `expected`: the most entries there will be; 0 when unknown.
  explicit S3Fifo(std::uint64_t expected) noexcept : expected_(expected) {}

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t hash, const Worth&) {
    const std::uint64_t needed = expected_ != 0 ? expected_ : size() + 1;
    if (needed > ghost_for_) {
      ghost_for_ = expected_ != 0 ? expected_ : std::max<std::uint64_t>(1024, needed * 2);
      ghost_.reserve(std::max<std::uint64_t>(1, ghost_for_ - ghost_for_ / small_share));
    }
    entries[id].set_word(ghost_.take(hash).has_value() ? in_main : 0);
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    queue_of(entries[id]).push_front(entries, id);
  }

  template <class Entries>
  void hit(const Entries& entries, NodeId id) noexcept {
    entries[id].bits.raise(most_uses);
  }

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    entries[to].set_word(entries[from].word());
    queue_of(entries[to]).replace(entries, from, to);
    hit(entries, to);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    queue_of(entries[id]).remove(entries, id);
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    // Readers may raise counters as fast as the queue goes round and lowers them: then it ends here.
    std::size_t turns = (uses_mask + 1) * size();
    while (size() != 0) {
      const NodeId small_target = std::max<NodeId>(1, (small_.size + main_.size) / small_share);
      const bool from_small = main_.size == 0 || small_.size >= small_target;
      List& queue = from_small ? small_ : main_;
      const NodeId id = queue.back;
      Links& node = entries[id];
      const std::uint32_t uses = node.bits & uses_mask;
      if (uses < (from_small ? promoting_uses : 1) || turns-- == 0) return id;
      queue.remove(entries, id);
      node.set_word(in_main | (from_small ? 0 : uses - 1));
      main_.push_front(entries, id);
    }
    return nil;
  }

  template <class Entries>
  void evicted(const Entries& entries, NodeId id, std::uint64_t hash) noexcept {
    if ((entries[id].bits & in_main) == 0) ghost_.add(hash);
  }

  /// An estimate: uses since the entry last came to the head of its queue, at most 3.
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries& entries, NodeId id) const noexcept {
    return entries[id].bits & uses_mask;
  }

  void clear() noexcept {
    small_ = {};
    main_ = {};
    ghost_.clear();
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    bool placed = true;
    const bool linked = small_.check(entries, [&](NodeId id) {
      placed = placed && (entries[id].bits & in_main) == 0;
    }) && main_.check(entries, [&](NodeId id) { placed = placed && (entries[id].bits & in_main) != 0; });
    return linked && placed;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return ghost_.heap_bytes(); }
  [[nodiscard]] std::size_t size() const noexcept { return std::size_t{small_.size} + main_.size; }

 private:
  static constexpr NodeId small_share = 10;
  static constexpr std::uint32_t uses_mask = most_uses;
  static constexpr std::uint32_t in_main = 4;
  static constexpr std::uint32_t promoting_uses = 2;

  List& queue_of(const Links& node) noexcept { return (node.bits & in_main) != 0 ? main_ : small_; }

  List small_;
  List main_;
  Ghost ghost_;
  std::uint64_t ghost_for_ = 0;
  std::uint64_t expected_;
};

}  // namespace terrace::memory
