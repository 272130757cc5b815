#pragma once
/// Slab: the memory of a shard's nodes, in pages that never move, so that a pinned value stays where it is.
///
/// Everything runs under the shard's lock except finding a node by its id and give_back(): a node is
/// destroyed after the lock is released (destructors are user code) and is returned through a lock-free
/// stack, which allocate() empties at once (taking all of it has no ABA problem).
///
/// A directory leads to the pages. A directory that has become too small is kept as long as the slab, so a
/// thread that has found it may use it, in a Section or not; all old ones together are smaller than the
/// present one.

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <new>
#include <terrace/detail/memory/blocks.hpp>
#include <terrace/detail/memory/node.hpp>
#include <vector>

namespace terrace::memory {

/// Nodes per page: about 64 KiB of them.
template <class T>
inline constexpr unsigned page_bits =
    static_cast<unsigned>(std::bit_width(std::clamp<std::size_t>((64U << 10) / sizeof(T), 16, 4096)) - 1);

template <class K, class V>
class Slab {
 public:
  using Value = Node<K, V>;
  static constexpr unsigned bits = page_bits<Value>;
  static constexpr NodeId page_nodes = NodeId{1} << bits;

  /// `expected`: the most nodes used at a time, 0 if unknown. Avoids an unused rest of a page.
  explicit Slab(std::uint64_t expected) noexcept : expected_(expected) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    Directory* const all = directory_.load(std::memory_order_relaxed);
    for (std::size_t page = 0; page < pages_; ++page) {
      ::operator delete (all->pages()[page].load(std::memory_order_relaxed), std::align_val_t{alignment});
    }
    if (all != nullptr) free_block(all);
  }

  /// Needs no lock and no Section: for the id of an entry, or of a removed node that is not yet free.
  [[nodiscard, gnu::always_inline]] Value& operator[](NodeId id) const noexcept {
    const Directory* const all = directory_.load(std::memory_order_acquire);
    return all->pages()[id >> bits].load(std::memory_order_relaxed)[id & (page_nodes - 1)];
  }

  /// Key and value of the node are not constructed yet. Throws std::bad_alloc.
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

  /// Call it under the lock; key and value are destroyed already.
  void free(NodeId id) noexcept {
    (*this)[id].next = free_;
    free_ = id;
  }

  /// Like free(), for a chain from `first` to `last`.
  void free_all(NodeId first, NodeId last) noexcept {
    (*this)[last].next = free_;
    free_ = first;
  }

  /// Runs without the lock, so it does not change `bits`, which others may read. Key and value are destroyed
  /// already.
  void give_back(Value& node, NodeId id) noexcept {
    node.next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(node.next, id, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    }
  }

  /// All smaller ids were handed out once, except where a short page left a gap: see exists().
  [[nodiscard]] NodeId end() const noexcept { return fresh_; }
  [[nodiscard]] bool exists(NodeId id) const noexcept {
    return id < fresh_ && (id >> bits != short_page_ || (id & (page_nodes - 1)) < short_size_);
  }

  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    const Directory* const all = directory_.load(std::memory_order_relaxed);
    return node_bytes_ + (all == nullptr ? 0 : all->bytes) + outgrown_.bytes();
  }

 private:
  /// The addresses of the pages follow.
  struct Directory : Block {
    std::size_t room;

    using Page = std::atomic<Value*>;
    [[nodiscard]] Page* pages() noexcept { return reinterpret_cast<Page*>(this + 1); }
    [[nodiscard]] const Page* pages() const noexcept { return reinterpret_cast<const Page*>(this + 1); }
  };
  static constexpr std::size_t alignment = std::max(cache_line, alignof(Value));

  void add_page() {
    const auto used = static_cast<std::uint64_t>(pages_) << bits;
    if (used + page_nodes > nil) throw std::bad_alloc();
    const bool is_short = short_page_ == nil && expected_ > used && expected_ - used < page_nodes;
    const std::uint64_t size = is_short ? expected_ - used : page_nodes;
    make_room_for_page();
    auto* const page =
        static_cast<Value*>(::operator new (size * sizeof(Value), std::align_val_t{alignment}));
    directory_.load(std::memory_order_relaxed)->pages()[pages_].store(page, std::memory_order_relaxed);
    ++pages_;
    node_bytes_ += size * sizeof(Value);
    if (is_short) {
      short_page_ = static_cast<NodeId>(used >> bits);
      short_size_ = static_cast<NodeId>(size);
    }
    fresh_ = static_cast<NodeId>(used);
    limit_ = static_cast<NodeId>(used + size);
  }

  void make_room_for_page() {
    Directory* const old = directory_.load(std::memory_order_relaxed);
    if (old != nullptr && pages_ < old->room) return;
    const std::size_t room = std::max<std::size_t>(2, 2 * pages_);
    const std::size_t bytes = sizeof(Directory) + room * sizeof(typename Directory::Page);
    auto* const larger = new (allocate_block(bytes)) Directory;
    larger->bytes = bytes;
    larger->room = room;
    std::uninitialized_value_construct_n(larger->pages(), room);
    for (std::size_t page = 0; page < pages_; ++page) {
      larger->pages()[page].store(old->pages()[page].load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
    }
    directory_.store(larger, std::memory_order_release);
    if (old != nullptr) outgrown_.add(*old);
  }

  // Fields that readers use, away from fields that every write changes.
  std::atomic<Directory*> directory_{nullptr};
  std::size_t pages_ = 0;
  std::size_t node_bytes_ = 0;
  Blocks outgrown_;
  std::uint64_t expected_;
  NodeId short_page_ = nil;
  NodeId short_size_ = 0;
  alignas(cache_line) NodeId free_ = nil;
  NodeId fresh_ = 0;
  NodeId limit_ = 0;
  std::atomic<NodeId> returned_{nil};
};

/// Data that only some nodes have (times, weights, pins), found by the node's id; memory is allocated on
/// demand.
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
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    std::size_t total = pages_.capacity() * sizeof(pages_[0]);
    for (const auto& page : pages_) total += page ? sizeof(T) << bits : 0;
    return total;
  }

 private:
  std::vector<std::unique_ptr<T[]>> pages_;
};

}  // namespace terrace::memory
