#pragma once
/// Slab: the memory of a shard's nodes, in pages that never move, so that a pinned value stays where it is.
///
/// Everything is done under the shard's lock except give_back(): a node is destroyed after the lock is
/// released (destructors are the user's code) and comes back over a lock-free stack, which allocate() empties
/// at once (taking all of it has no ABA problem).

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <new>
#include <terrace/detail/memory/node.hpp>
#include <vector>

namespace terrace::memory {

/// Nodes a page holds: about 64 KiB of them.
template <class T>
inline constexpr unsigned page_bits =
    static_cast<unsigned>(std::bit_width(std::clamp<std::size_t>((64U << 10) / sizeof(T), 16, 4096)) - 1);

template <class K, class V>
class Slab {
 public:
  using Value = Node<K, V>;
  static constexpr unsigned bits = page_bits<Value>;
  static constexpr NodeId page_nodes = NodeId{1} << bits;

  /// `expected`: the most nodes that will be live at a time, 0 when unknown. Spares an unused rest of a page.
  explicit Slab(std::uint64_t expected) noexcept : expected_(expected) {}

  [[nodiscard]] Value& operator[](NodeId id) const noexcept {
    return pages_[id >> bits].get()[id & (page_nodes - 1)];
  }

  /// Key and value of the node are not yet made. Throws std::bad_alloc.
  [[nodiscard]] NodeId allocate() {
    if (free_ == nil && returned_.load(std::memory_order_relaxed) != nil) {
      free_ = returned_.exchange(nil, std::memory_order_acquire);
    }
    if (free_ != nil) {
      const NodeId id = free_;
      free_ = (*this)[id].next;
      return id;
    }
    if (fresh_ == limit_) add_page();
    return fresh_++;
  }

  /// Under the lock; key and value are destroyed already.
  void free(NodeId id) noexcept {
    (*this)[id].next = free_;
    free_ = id;
  }

  /// Without the lock, so it leaves alone what others may read of a node that is not theirs: `bits`. Key and
  /// value are destroyed already.
  void give_back(Value& node, NodeId id) noexcept {
    node.next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(node.next, id, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    }
  }

  /// Ids below were handed out once, except where a short page left a gap: see exists().
  [[nodiscard]] NodeId end() const noexcept { return fresh_; }
  [[nodiscard]] bool exists(NodeId id) const noexcept {
    return id < fresh_ && (id >> bits != short_page_ || (id & (page_nodes - 1)) < short_size_);
  }

 private:
  struct Free {
    void operator()(Value* page) const noexcept {
      ::operator delete (static_cast<void*>(page), std::align_val_t{alignment});
    }
  };
  using Page = std::unique_ptr<Value, Free>;
  static constexpr std::size_t alignment = std::max(cache_line, alignof(Value));
  // Removed nodes come back a little later than their successors are made.
  static constexpr std::uint64_t slack = 8;

  void add_page() {
    const auto used = static_cast<std::uint64_t>(pages_.size()) << bits;
    if (used + page_nodes > nil) throw std::bad_alloc();
    std::uint64_t size = page_nodes;
    const bool is_short = short_page_ == nil && expected_ > used && expected_ + slack - used < page_nodes;
    if (is_short) size = expected_ + slack - used;
    pages_.reserve(pages_.size() + 1);
    void* memory = ::operator new (size * sizeof(Value), std::align_val_t{alignment});
    pages_.push_back(Page{static_cast<Value*>(memory)});
    if (is_short) {
      short_page_ = static_cast<NodeId>(used >> bits);
      short_size_ = static_cast<NodeId>(size);
    }
    fresh_ = static_cast<NodeId>(used);
    limit_ = static_cast<NodeId>(used + size);
  }

  std::vector<Page> pages_;
  NodeId free_ = nil;
  NodeId fresh_ = 0;
  NodeId limit_ = 0;
  NodeId short_page_ = nil;
  NodeId short_size_ = 0;
  std::uint64_t expected_;
  std::atomic<NodeId> returned_{nil};
};

/// What only some nodes have (times, weights, pins), found by the node's id; its memory appears on demand.
template <class T, unsigned bits>
class SideTable {
 public:
  /// Makes room for that node. Throws std::bad_alloc.
  void ensure(NodeId id) {
    const std::size_t page = id >> bits;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<T[]>(std::size_t{1} << bits);
  }
  [[nodiscard]] T& operator[](NodeId id) noexcept { return pages_[id >> bits][id & ((1U << bits) - 1)]; }
  [[nodiscard]] const T& operator[](NodeId id) const noexcept {
    return pages_[id >> bits][id & ((1U << bits) - 1)];
  }

 private:
  std::vector<std::unique_ptr<T[]>> pages_;
};

}  // namespace terrace::memory
