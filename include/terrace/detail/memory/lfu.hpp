#pragma once
/// Lfu: the entry used least often is evicted first; among equals, the one that reached that count first.
/// Runs in constant time, after Shah, Mitra, Matani: An O(1) algorithm for implementing the LFU cache
/// eviction scheme (2010).
///
/// Entries with the same use count form a list, a "rank"; ranks form a list in rising order of their count. A
/// use moves the entry from its rank to the next one, which is made if there is none with exactly that count.
/// The victim is the oldest entry of the first rank. The word of an entry is the number of its rank. Counts
/// do not age.

#include <algorithm>
#include <new>
#include <optional>
#include <terrace/detail/memory/list.hpp>
#include <utility>
#include <vector>

namespace terrace::memory {

class Lfu {
 public:
  /// Makes sure that link() has memory for a rank. Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries&, NodeId, std::uint64_t, const Worth&) {
    if (free_ == nil) release(make_rank());
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    if (first_ == nil || ranks_[first_].count != 1) insert_rank(nil, 1);
    join(entries, first_, id);
  }

  template <class Entries>
  void hit(const Entries& entries, NodeId id) noexcept {
    const NodeId from = entries[id].word();
    const std::uint64_t count = ranks_[from].count + 1;
    const NodeId after = ranks_[from].next;
    const bool next_exists = after != nil && ranks_[after].count == count;
    if (!next_exists && ranks_[from].members.size == 1) {
      ranks_[from].count = count;
      return;
    }
    if (!next_exists && !can_insert_rank()) return;  // out of memory: this use is not counted
    const NodeId to = next_exists ? after : insert_rank(from, count);
    leave(entries, from, id);
    join(entries, to, id);
  }

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    entries[to].set_word(entries[from].word());
    ranks_[entries[to].word()].members.replace(entries, from, to);
    hit(entries, to);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    leave(entries, entries[id].word(), id);
  }
  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries&) noexcept {
    return first_ == nil ? nil : ranks_[first_].members.back;
  }
  template <class Entries>
  void evicted(const Entries&, NodeId, std::uint64_t) noexcept {}

  /// Exact: the insertion and every use since.
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries& entries, NodeId id) const noexcept {
    return ranks_[entries[id].word()].count;
  }

  void clear() noexcept {
    while (first_ != nil) {
      ranks_[first_].members = {};
      remove_rank(first_);
    }
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    std::uint64_t last = 0;
    bool right = true;
    for (NodeId at = first_; at != nil; at = ranks_[at].next) {
      const Rank& rank = ranks_[at];
      right = right && rank.count > last && rank.members.size > 0;
      right =
          right && rank.members.check(entries, [&](NodeId id) { right = right && entries[id].word() == at; });
      last = rank.count;
    }
    return right;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return ranks_.capacity() * sizeof(Rank); }
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t total = 0;
    for (NodeId at = first_; at != nil; at = ranks_[at].next) total += ranks_[at].members.size;
    return total;
  }

 private:
  struct Rank {
    std::uint64_t count = 0;
    List members;
    NodeId prev = nil;
    NodeId next = nil;  // for a free rank: the next free one
  };

  NodeId make_rank() {
    if (ranks_.size() > Links::word_mask) throw std::bad_alloc();
    ranks_.emplace_back();
    return static_cast<NodeId>(ranks_.size() - 1);
  }
  void release(NodeId rank) noexcept {
    ranks_[rank].next = free_;
    free_ = rank;
  }
  bool can_insert_rank() noexcept {
    if (free_ != nil) return true;
    try {
      release(make_rank());
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  /// A new rank behind `before`, or in front of all.
  NodeId insert_rank(NodeId before, std::uint64_t count) noexcept {
    const NodeId rank = free_;
    free_ = ranks_[rank].next;
    const NodeId after = before == nil ? first_ : ranks_[before].next;
    ranks_[rank] = {count, {}, before, after};
    (before == nil ? first_ : ranks_[before].next) = rank;
    if (after != nil) ranks_[after].prev = rank;
    return rank;
  }
  void remove_rank(NodeId rank) noexcept {
    const auto [before, after] = std::pair{ranks_[rank].prev, ranks_[rank].next};
    (before == nil ? first_ : ranks_[before].next) = after;
    if (after != nil) ranks_[after].prev = before;
    release(rank);
  }
  template <class Entries>
  void join(const Entries& entries, NodeId rank, NodeId id) noexcept {
    entries[id].set_word(rank);
    ranks_[rank].members.push_front(entries, id);
  }
  template <class Entries>
  void leave(const Entries& entries, NodeId rank, NodeId id) noexcept {
    ranks_[rank].members.remove(entries, id);
    if (ranks_[rank].members.size == 0) remove_rank(rank);
  }

  std::vector<Rank> ranks_;
  NodeId first_ = nil;
  NodeId free_ = nil;
};

}  // namespace terrace::memory
