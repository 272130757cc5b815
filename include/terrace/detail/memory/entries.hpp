#pragma once
/// Entries: the nodes of a shard and what belongs to them: times, idle times, weights, pins. Under the
/// shard's lock, but for finding a node by its id.

#include <cstdint>
#include <terrace/detail/memory/slab.hpp>
#include <terrace/detail/memory/timer_wheel.hpp>
#include <utility>

namespace terrace::memory {

/// Of an entry with an expiry after access.
struct Idling {
  TimePoint last;  ///< when its other lifetime ends, however often it is read
  Duration idle;
  TimePoint used;

  [[nodiscard]] TimePoint expires() const noexcept { return std::min(last, after(used, idle)); }
};

template <class K, class V>
class Entries {
 public:
  using EntryNode = Node<K, V>;
  using Nodes = Slab<K, V>;

  /// `expected`: the most nodes there will be at a time, 0 when unknown.
  explicit Entries(std::uint64_t expected) noexcept : nodes(expected) {}

  [[nodiscard]] EntryNode& operator[](NodeId id) const noexcept { return nodes[id]; }
  [[nodiscard]] TimePoint expires(NodeId id) const noexcept { return timings[id].expires; }

  /// Calls f(id) for every live node from `from` on, until it returns false; returns where to go on.
  template <class F>
  NodeId for_each_live(NodeId from, F&& f) const {
    for (; from < nodes.end(); ++from) {
      if (nodes.exists(from) && nodes[from].is(Links::live) && !f(from)) return from;
    }
    return nil;
  }

  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    return nodes.heap_bytes() + timings.heap_bytes() + idlings.heap_bytes() + weights.heap_bytes() +
           pins.heap_bytes();
  }

  Nodes nodes;
  SideTable<Timing, Nodes::bits> timings;
  SideTable<Idling, Nodes::bits> idlings;
  SideTable<std::uint64_t, Nodes::bits> weights;  // with a weigher of the user's
  SideTable<std::uint32_t, Nodes::bits> pins;
};

/// A node on its way to becoming an entry: allocated, given its key and value, and taken back unless
/// committed.
template <class K, class V>
class Draft {
 public:
  /// Throws std::bad_alloc.
  explicit Draft(Entries<K, V>& entries) : entries_(entries), id_(entries.nodes.allocate()) {
    node().bits = 0;
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (id_ != nil) entries_.nodes.free(id_);
  }

  [[nodiscard]] NodeId id() const noexcept { return id_; }
  [[nodiscard]] Node<K, V>& node() const noexcept { return entries_[id_]; }

  /// Throws what the constructors throw; else the node is the caller's from now on.
  void commit(K&& key, V&& value) {
    std::construct_at(&node().key, std::move(key));
    if constexpr (std::is_nothrow_move_constructible_v<V>) {
      std::construct_at(&node().value, std::move(value));
    } else {
      try {
        std::construct_at(&node().value, std::move(value));
      } catch (...) {
        std::destroy_at(&node().key);
        throw;
      }
    }
    id_ = nil;
  }

 private:
  Entries<K, V>& entries_;
  NodeId id_;
};

}  // namespace terrace::memory
