#pragma once
/// Lru: the least recently used entry is evicted first. All entries form one list; a hit and a new value move
/// the entry to the front, and the back is the victim. (Mattson, Gecsei, Slutz, Traiger: Evaluation
/// techniques for storage hierarchies, IBM Systems Journal 9, 1970.) Weak against scans: each key that is
/// read once pushes out one that is read often.

#include <optional>
#include <terrace/detail/memory/list.hpp>

namespace terrace::memory {

class Lru {
 public:
  template <class Entries>
  void prepare(const Entries&, NodeId, std::uint64_t, const Worth&) noexcept {}
  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    used_.push_front(entries, id);
  }
  template <class Entries>
  void hit(const Entries& entries, NodeId id) noexcept {
    used_.move_to_front(entries, id);
  }
  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    used_.remove(entries, from);
    used_.push_front(entries, to);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    used_.remove(entries, id);
  }
  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries&) noexcept {
    return used_.back;
  }
  template <class Entries>
  void evicted(const Entries&, NodeId, std::uint64_t) noexcept {}
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries&, NodeId) const noexcept {
    return std::nullopt;
  }
  void clear() noexcept { used_ = {}; }
  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    return used_.check(entries, [](NodeId) {});
  }
  [[nodiscard]] std::size_t size() const noexcept { return used_.size; }

 private:
  List used_;
};

}  // namespace terrace::memory
