#pragma once
/// S3Fifo: three static FIFO queues; resistant to scans, and a hit only raises a two-bit counter. After Yang,
/// Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction (SOSP 2023).
///
/// Most keys of a real workload are never asked for again, so they should be evicted soon. A new entry starts
/// in the small queue, a tenth of the cache. At the end of that queue an entry that was used at least twice
/// moves to the main queue. Any other entry is evicted, and its fingerprint is remembered in the ghost queue,
/// which is as long as the main queue. A key that comes back while it is remembered starts in the main queue.
/// At the end of the main queue an entry that was used goes round once more for each use (at most three); an
/// unused entry is evicted.

#include <algorithm>
#include <terrace/detail/memory/two_queues.hpp>

namespace terrace::memory {

class S3Fifo : public TwoQueues {
 public:
  /// `expected`: the most entries; 0 if unknown.
  explicit S3Fifo(std::uint64_t expected) noexcept : expected_(expected) {}

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t hash, const Worth&) {
    const std::uint64_t needed = expected_ != 0 ? expected_ : size() + 1;
    if (needed > ghost_for_) {
      const std::uint64_t wanted = expected_ != 0 ? expected_ : std::max<std::uint64_t>(1024, needed * 2);
      ghost_.reserve(std::max<std::uint64_t>(1, wanted - wanted / small_share));
      ghost_for_ = wanted;
    }
    entries[id].set_word(ghost_.take(hash).has_value() ? in_main : 0);
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    queue_of(entries[id]).push_front(entries, id);
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    // Readers may raise counters as fast as the queue goes round and lowers them: then the loop ends here.
    std::size_t turns = (most_uses + 1) * size();
    while (size() != 0) {
      const NodeId small_target = std::max<NodeId>(1, (incoming_.size + main_.size) / small_share);
      const bool from_small = main_.size == 0 || incoming_.size >= small_target;
      List& queue = from_small ? incoming_ : main_;
      const NodeId id = queue.back;
      Links& node = entries[id];
      const std::uint32_t uses = uses_of(node);
      if (uses < (from_small ? promoting_uses : 1) || turns-- == 0) return id;
      queue.remove(entries, id);
      node.set_word(in_main | (from_small ? 0 : uses - 1));
      main_.push_front(entries, id);
    }
    return nil;
  }

 private:
  static constexpr NodeId small_share = 10;
  static constexpr std::uint32_t promoting_uses = 2;

  std::uint64_t ghost_for_ = 0;
  std::uint64_t expected_;
};

}  // namespace terrace::memory
