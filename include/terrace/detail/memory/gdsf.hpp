#pragma once
/// Gdsf: for entries that differ in size or in the cost of making them again. It evicts the entry that has
/// the lowest value for its size. After Cherkasova: Improving WWW proxies performance with
/// Greedy-Dual-Size-Frequency caching policy (HP Labs report HPL-98-69, 1998).
///
/// The priority of an entry is age + uses × cost / weight. The age of the cache is the priority of the last
/// evicted entry, so a recent entry ranks above an equal older one. A heap keeps the entry with the lowest
/// priority in front. Small entries are preferred, which raises the hit ratio; the share of bytes answered
/// from memory may be lower than with other policies.
///
/// A hit only raises a two-bit counter. The uses since the last check are taken into account when the entry
/// comes to the front of the heap: it gets the priority for these uses at that time, and goes back. (In an
/// implementation where a hit moves the entry at once, the age at the hit counts; for entries that are used
/// often, the two are nearly the same.)

#include <algorithm>
#include <optional>
#include <terrace/detail/memory/slab.hpp>
#include <vector>

namespace terrace::memory {

class Gdsf {
 public:
  static constexpr std::uint32_t most_uses = 3;

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t, const Worth& worth) {
    values_.ensure(id);
    if (heap_.size() == heap_.capacity()) heap_.reserve(std::max<std::size_t>(64, heap_.size() * 3 / 2));
    values_[id] = worth.cost / static_cast<double>(std::max<std::uint64_t>(1, worth.weight));
    entries[id].set_word(0);
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    uses_of(entries[id]) = 1;
    heap_.push_back(now(entries, id));
    rise(entries, heap_.size() - 1);
  }

  template <class Entries>
  void hit(const Entries& entries, NodeId id) noexcept {
    entries[id].bits.raise(most_uses);
  }

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    const std::size_t place = place_of(entries[from]);
    uses_of(entries[to]) = uses_of(entries[from]);
    entries[to].set_word(entries[from].word());
    hit(entries, to);
    heap_[place] = now(entries, to);
    restore_order(entries, place);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}

  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    const std::size_t place = place_of(entries[id]);
    heap_[place] = heap_.back();
    heap_.pop_back();
    if (place < heap_.size()) restore_order(entries, place);
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    if (heap_.empty()) return nil;
    // Readers may raise counters as fast as they are taken into account: then the loop ends here.
    for (std::size_t turns = heap_.size();; --turns) {
      const NodeId id = heap_.front().id;
      Links& node = entries[id];
      const std::uint32_t uses = node.bits & most_uses;
      if (uses == 0 || turns == 0) return id;
      node.set_word(0);
      uses_of(node) = std::min(uses_of(node) + uses, most_counted);
      heap_.front() = now(entries, id);
      sink(entries, 0);
    }
  }

  template <class Entries>
  void evicted(const Entries& entries, NodeId id, std::uint64_t) noexcept {
    age_ = std::max(age_, heap_[place_of(entries[id])].priority);
  }

  /// The uses taken into account so far, and up to three since.
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries& entries, NodeId id) const noexcept {
    return uses_of(entries[id]) - 1 + (entries[id].bits & most_uses);
  }

  void clear() noexcept {
    heap_.clear();
    age_ = 0;
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    for (std::size_t place = 0; place < heap_.size(); ++place) {
      if (place_of(entries[heap_[place].id]) != place) return false;
      if (place > 0 && heap_[place] < heap_[parent(place)]) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    return values_.heap_bytes() + heap_.capacity() * sizeof(heap_[0]);
  }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Place {
    double priority;
    NodeId id;
    std::uint32_t since;  ///< among equals, the one that reached this priority first is evicted first

    bool operator<(const Place& other) const noexcept {
      if (priority != other.priority) return priority < other.priority;
      return static_cast<std::int32_t>(since - other.since) < 0;
    }
  };
  static constexpr std::uint32_t most_counted = 1U << 30;

  // The links of a node: its place in the heap, and its uses.
  static std::size_t place_of(const Links& node) noexcept { return node.prev; }
  static NodeId& uses_of(Links& node) noexcept { return node.next; }
  static NodeId uses_of(const Links& node) noexcept { return node.next; }

  template <class Entries>
  [[nodiscard]] Place now(const Entries& entries, NodeId id) noexcept {
    return {age_ + uses_of(entries[id]) * values_[id], id, placed_++};
  }

  static std::size_t parent(std::size_t place) noexcept { return (place - 1) / 2; }

  template <class Entries>
  void put(const Entries& entries, std::size_t place, Place what) noexcept {
    heap_[place] = what;
    entries[what.id].prev = static_cast<NodeId>(place);
  }

  template <class Entries>
  void restore_order(const Entries& entries, std::size_t place) noexcept {
    rise(entries, place);
    sink(entries, place);
  }

  template <class Entries>
  void rise(const Entries& entries, std::size_t place) noexcept {
    const Place what = heap_[place];
    for (; place > 0 && what < heap_[parent(place)]; place = parent(place)) {
      put(entries, place, heap_[parent(place)]);
    }
    put(entries, place, what);
  }

  template <class Entries>
  void sink(const Entries& entries, std::size_t place) noexcept {
    const Place what = heap_[place];
    for (std::size_t child; (child = 2 * place + 1) < heap_.size(); place = child) {
      if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
      if (what < heap_[child]) break;
      put(entries, place, heap_[child]);
    }
    put(entries, place, what);
  }

  std::vector<Place> heap_;
  SideTable<double, 10> values_;  // cost / weight of each node
  double age_ = 0;
  std::uint32_t placed_ = 0;
};

}  // namespace terrace::memory
