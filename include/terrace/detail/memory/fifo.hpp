#pragma once
/// Fifo: first in, first out. The entry that was inserted first is evicted first. A hit, or a new value for
/// an existing key, moves nothing: a queue with one cheap operation per insertion.

#include <optional>
#include <terrace/detail/memory/list.hpp>

namespace terrace::memory {

class Fifo {
 public:
  static constexpr std::uint32_t most_uses = 0;

  template <class Entries>
  void prepare(const Entries&, NodeId, std::uint64_t, const Worth&) noexcept {}
  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    queue_.push_front(entries, id);
  }
  template <class Entries>
  void hit(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    queue_.replace(entries, from, to);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    queue_.remove(entries, id);
  }
  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries&) noexcept {
    return queue_.back;
  }
  template <class Entries>
  void evicted(const Entries&, NodeId, std::uint64_t) noexcept {}
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries&, NodeId) const noexcept {
    return std::nullopt;
  }
  void clear() noexcept { queue_ = {}; }
  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    return queue_.check(entries, [](NodeId) {});
  }
  [[nodiscard]] std::size_t size() const noexcept { return queue_.size; }

 private:
  List queue_;
};

}  // namespace terrace::memory
