#pragma once
/// Ttl: the entry that expires soonest is evicted first. Entries without an expiry are evicted last, the
/// oldest first.
///
/// Entries with an expiry form a binary min-heap ordered by it (Williams: Algorithm 232, Heapsort, CACM 7,
/// 1964). Each knows its place in the heap (`prev`), so it can be removed or moved in logarithmic time. The
/// others form a queue.

#include <algorithm>
#include <optional>
#include <terrace/detail/memory/list.hpp>
#include <vector>

namespace terrace::memory {

class Ttl {
 public:
  static constexpr std::uint32_t most_uses = 0;

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries&, NodeId, std::uint64_t, const Worth&) {
    if (heap_.size() == heap_.capacity()) heap_.reserve(std::max<std::size_t>(16, heap_.size() * 2));
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    Links& node = entries[id];
    node.set_word(node.is(Links::timed) ? in_heap : 0);
    if (node.word() == 0) return forever_.push_front(entries, id);
    heap_.push_back(id);
    rise(entries, heap_.size() - 1);
  }

  template <class Entries>
  void hit(const Entries&, NodeId) noexcept {}

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    unlink(entries, from);
    link(entries, to);
  }

  /// The expiry has changed.
  template <class Entries>
  void retimed(const Entries& entries, NodeId id) noexcept {
    sink(entries, rise(entries, entries[id].prev));
  }

  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    if (entries[id].word() == 0) return forever_.remove(entries, id);
    const std::size_t at = entries[id].prev;
    const NodeId last = heap_.back();
    heap_.pop_back();
    if (last == id) return;
    put(entries, at, last);
    sink(entries, rise(entries, at));
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries&) noexcept {
    return heap_.empty() ? forever_.back : heap_.front();
  }
  template <class Entries>
  void evicted(const Entries&, NodeId, std::uint64_t) noexcept {}
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries&, NodeId) const noexcept {
    return std::nullopt;
  }
  void clear() noexcept {
    heap_.clear();
    forever_ = {};
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    bool right = true;
    for (std::size_t at = 0; at < heap_.size(); ++at) {
      right = right && entries[heap_[at]].prev == at && entries[heap_[at]].word() == in_heap;
      right = right && (at == 0 || !sooner(entries, heap_[at], heap_[(at - 1) / 2]));
    }
    return right && forever_.check(entries, [&](NodeId id) { right = right && entries[id].word() == 0; });
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return heap_.capacity() * sizeof(NodeId); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size() + forever_.size; }

 private:
  static constexpr std::uint32_t in_heap = 1;

  template <class Entries>
  static bool sooner(const Entries& entries, NodeId a, NodeId b) noexcept {
    return entries.expires(a) < entries.expires(b);
  }
  template <class Entries>
  void put(const Entries& entries, std::size_t at, NodeId id) noexcept {
    heap_[at] = id;
    entries[id].prev = static_cast<NodeId>(at);
  }
  template <class Entries>
  std::size_t rise(const Entries& entries, std::size_t at) noexcept {
    const NodeId id = heap_[at];
    for (; at > 0 && sooner(entries, id, heap_[(at - 1) / 2]); at = (at - 1) / 2) {
      put(entries, at, heap_[(at - 1) / 2]);
    }
    put(entries, at, id);
    return at;
  }
  template <class Entries>
  void sink(const Entries& entries, std::size_t at) noexcept {
    const NodeId id = heap_[at];
    for (std::size_t child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && sooner(entries, heap_[child + 1], heap_[child])) ++child;
      if (!sooner(entries, heap_[child], id)) break;
      put(entries, at, heap_[child]);
      at = child;
    }
    put(entries, at, id);
  }

  std::vector<NodeId> heap_;
  List forever_;
};

}  // namespace terrace::memory
