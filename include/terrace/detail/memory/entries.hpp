#pragma once
/// Entries: the nodes of a shard and the data that belongs to them: times, idle times, weights, pins. Used
/// under the shard's lock, except to find a node by its id.

#include <atomic>
#include <cstdint>
#include <memory>
#include <terrace/detail/memory/slab.hpp>
#include <terrace/detail/memory/timer_wheel.hpp>
#include <terrace/detail/memory/weight.hpp>
#include <type_traits>
#include <utility>

namespace terrace::memory {

/// For an entry that expires after access.
struct Idling {
  TimePoint last;  ///< the end of its other lifetime, however often it is read
  Duration idle;
  TimePoint used;

  [[nodiscard]] TimePoint expires() const noexcept { return std::min(last, after(used, idle)); }
};

template <class K, class V>
class Entries {
 public:
  using EntryNode = Node<K, V>;
  using Nodes = Slab<K, V>;

  /// `expected`: the most nodes at a time, 0 if unknown.
  explicit Entries(std::uint64_t expected) noexcept : nodes(expected) {}

  [[nodiscard, gnu::always_inline]] EntryNode& operator[](NodeId id) const noexcept { return nodes[id]; }
  [[nodiscard]] TimePoint expires(NodeId id) const noexcept { return timings[id].expires; }

  /// Calls f(id) for every live node among the `count` nodes from `from` on; returns where to continue, nil
  /// after the last node.
  template <class F>
  NodeId for_each_live(NodeId from, NodeId count, F&& f) const {
    const NodeId all = nodes.end();
    const NodeId end = from < all && count < all - from ? from + count : all;
    for (; from < end; ++from) {
      if (nodes.exists(from) && nodes[from].is(Links::live)) f(from);
    }
    return end < all ? end : nil;
  }
  template <class F>
  void for_each_live(F&& f) const {
    for_each_live(0, nil, std::forward<F>(f));
  }

  /// Key and value have been constructed.
  void count_content(const EntryNode& node) noexcept {
    if (const std::size_t bytes = content_of(node); bytes != 0) {
      content_.fetch_add(bytes, std::memory_order_relaxed);
    }
  }
  /// Destroys key and value. Needs no lock.
  void destroy_content(EntryNode& node) noexcept {
    if (const std::size_t bytes = content_of(node); bytes != 0) {
      content_.fetch_sub(bytes, std::memory_order_relaxed);
    }
    std::destroy_at(&node.key);
    std::destroy_at(&node.value);
  }

  /// The allocated memory, including the heap memory of keys and values as far as HeapBytes reports it.
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    return content_.load(std::memory_order_relaxed) + nodes.heap_bytes() + timings.heap_bytes() +
           idlings.heap_bytes() + weights.heap_bytes() + pins.heap_bytes();
  }

  Nodes nodes;
  SideTable<Timing, Nodes::bits> timings;
  SideTable<Idling, Nodes::bits> idlings;
  SideTable<std::uint64_t, Nodes::bits> weights;  // with a weigher of the user's
  SideTable<std::uint32_t, Nodes::bits> pins;

 private:
  static std::size_t content_of(const EntryNode& node) noexcept {
    if constexpr (std::is_trivially_destructible_v<K> && std::is_trivially_destructible_v<V>) return 0;
    return HeapBytes<K>::of(node.key) + HeapBytes<V>::of(node.value);
  }

  std::atomic<std::uint64_t> content_{0};
};

/// A node that is to become an entry: allocated, given its key and value, and taken back unless committed.
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

  /// Throws what the constructors throw; on success the caller owns the node.
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
    entries_.count_content(node());
    id_ = nil;
  }

 private:
  Entries<K, V>& entries_;
  NodeId id_;
};

}  // namespace terrace::memory
