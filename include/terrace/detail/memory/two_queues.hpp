#pragma once
/// TwoQueues: the common part of policies that have a queue for new entries, a main queue and ghosts. A hit
/// raises a two-bit counter; an entry evicted from the first queue is remembered as a ghost.

#include <optional>
#include <terrace/detail/memory/ghost.hpp>
#include <terrace/detail/memory/list.hpp>

namespace terrace::memory {

class TwoQueues {
 public:
  static constexpr std::uint32_t most_uses = 3;

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
  void evicted(const Entries& entries, NodeId id, std::uint64_t hash) noexcept {
    if ((entries[id].bits & in_main) == 0) ghost_.add(hash);
  }

  /// An estimate: uses since the entry last came to the head of its queue, at most 3.
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries& entries, NodeId id) const noexcept {
    return uses_of(entries[id]);
  }

  void clear() noexcept {
    incoming_ = {};
    main_ = {};
    ghost_.clear();
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    bool placed = true;
    const bool linked = incoming_.check(entries, [&](NodeId id) {
      placed = placed && (entries[id].bits & in_main) == 0;
    }) && main_.check(entries, [&](NodeId id) { placed = placed && (entries[id].bits & in_main) != 0; });
    return linked && placed;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return ghost_.heap_bytes(); }
  [[nodiscard]] std::size_t size() const noexcept { return std::size_t{incoming_.size} + main_.size; }

 protected:
  // The word of a node: its uses in the lowest bits, its place, and above them other data of the policy.
  static constexpr std::uint32_t in_main = most_uses + 1;

  static std::uint32_t uses_of(const Links& node) noexcept { return node.bits & most_uses; }
  List& queue_of(const Links& node) noexcept { return (node.bits & in_main) != 0 ? main_ : incoming_; }

  List incoming_;
  List main_;
  Ghost ghost_;
};

}  // namespace terrace::memory
