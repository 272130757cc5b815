#pragma once
/// Departures: handles the nodes of a shard that are no longer entries. The listener, if there is one, is
/// called for the node. The node waits in Limbo until no reader can see it and no handle holds it. Then key
/// and value are destroyed and the node is free again.
///
/// Listeners and destructors are user code and run without the lock: each call that may remove something
/// makes a Removed before it takes the lock; Removed runs them after the lock is released.

#include <algorithm>
#include <memory>
#include <mutex>
#include <terrace/detail/memory/entries.hpp>
#include <terrace/detail/memory/limbo.hpp>
#include <terrace/detail/memory/spin_lock.hpp>
#include <terrace/memory_options.hpp>
#include <type_traits>
#include <utility>

namespace terrace::memory {

/// Used under the shard's lock, except Removed's destructor.
template <class K, class V, class Shared>
class Departures {
 public:
  using Entry = Node<K, V>;
  /// True if no destructor has anything to do.
  static constexpr bool is_plain = std::is_trivially_destructible_v<K> && std::is_trivially_destructible_v<V>;

  Departures(Entries<K, V>& entries, Shared& shared, SpinLock& lock, std::uint64_t max_entries) noexcept
      : entries_(entries),
        shared_(shared),
        lock_(lock),
        limbo_(most_nodes(max_entries), most_bytes(shared.max_bytes)) {}
  ~Departures() {
    for (NodeId id = limbo_.take_all(entries_).first; id != nil; id = entries_[id].next) {
      entries_.destroy_content(entries_[id]);
    }
  }
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  class Removed {
   public:
    explicit Removed(Departures& departures) noexcept : departures_(departures) {}
    Removed(const Removed&) = delete;
    Removed& operator=(const Removed&) = delete;
    ~Removed() {
      if (!told_.empty()) departures_.tell(*this);
      if (!dead_.empty()) departures_.destroy(dead_);
    }

   private:
    friend Departures;
    Departures& departures_;
    Chain told_;
    Chain dead_;
  };

  /// The node has just been unlinked from everything else.
  void leave(NodeId id, std::uint64_t weight, RemovalCause cause, Removed& removed) noexcept {
    Entry& node = entries_[id];
    node.bits = (node.bits & ~Links::live) | static_cast<std::uint32_t>(cause) << Links::cause_shift;
    const bool held = node.is(Links::pinned) && entries_.pins[id] > 0;
    if (!held) node.bits &= ~Links::pinned;
    if (shared_.listener) {
      if (held) ++entries_.pins[id];  // until the listener was called
      removed.told_.add(entries_, id);
    } else if (!held) {
      lay_down(id, weight, removed);
    }  // otherwise the last holder does it
  }

  void unpin(Entry& node, NodeId id, Removed& removed) noexcept {
    if (--entries_.pins[id] == 0 && !node.is(Links::live))
      lay_down(id, shared_.weight_of(entries_, id), removed);
  }

  /// Memory that readers may still be using.
  void leave(Blocks& blocks, Removed& removed) noexcept {
    limbo_.add(blocks);
    if (limbo_.is_full()) collect(removed);
  }

  /// Takes the nodes that no reader can see out of limbo.
  void collect(Removed& removed) noexcept {
    if (limbo_.empty()) return;
    const Chain passed = limbo_.collect(entries_);
    if (passed.empty()) return;
    if constexpr (is_plain) {
      entries_.nodes.free_all(passed.first, passed.last);
    } else {
      removed.dead_.append(entries_, passed);
    }
  }

  /// How many nodes may be in limbo while there are no readers: few if their heap memory is unknown.
  [[nodiscard]] static constexpr std::size_t most_nodes(std::uint64_t max_entries) noexcept {
    if (!HeapBytes<K>::known || !HeapBytes<V>::known) return 16;
    return max_entries == 0 ? 256 : std::clamp<std::size_t>(max_entries / 64, 64, 256);
  }

 private:
  static constexpr std::uint64_t most_bytes(std::uint64_t max_bytes) noexcept {
    return max_bytes == 0 ? 256 << 10 : std::clamp<std::uint64_t>(max_bytes / 1024, 4 << 10, 256 << 10);
  }

  /// From now on only readers without the lock can see the node.
  void lay_down(NodeId id, std::uint64_t weight, Removed& removed) noexcept {
    limbo_.add(entries_, id, weight);
    if (limbo_.is_full()) collect(removed);
  }

  /// Runs without the lock, like destroy().
  void tell(Removed& removed) noexcept {
    for (NodeId id = removed.told_.first; id != nil; id = entries_[id].next) {
      const Entry& node = entries_[id];
      try {
        shared_.listener(node.key, node.value, static_cast<RemovalCause>(node.cause()));
      } catch (...) {  // documented: the entry is removed, whatever the listener does
      }
    }
    std::lock_guard lock(lock_);
    for (NodeId id = removed.told_.first, next; id != nil; id = next) {
      next = entries_[id].next;
      if (!entries_[id].is(Links::pinned) || --entries_.pins[id] == 0) {
        lay_down(id, shared_.weight_of(entries_, id), removed);
      }
    }
  }

  void destroy(Chain chain) noexcept {
    for (NodeId id = chain.first, next; id != nil; id = next) {
      Entry& node = entries_[id];
      next = node.next;
      entries_.destroy_content(node);
      entries_.nodes.give_back(node, id);
    }
  }

  Entries<K, V>& entries_;
  Shared& shared_;
  SpinLock& lock_;
  Limbo limbo_;
};

}  // namespace terrace::memory
