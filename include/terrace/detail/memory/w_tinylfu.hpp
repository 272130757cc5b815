#pragma once
/// WTinyLfu: a small LRU window in front of a segmented LRU, which admits an entry only if it is asked for
/// more often than the entry it would replace. After Einziger, Friedman, Manes: TinyLFU: A highly efficient
/// cache admission policy (ACM Transactions on Storage 13, 2017). Strong where frequency predicts the future,
/// as for many databases and searches; the size of the window is fixed here, while other workloads would need
/// another.
///
/// A new entry starts at the front of the window, a hundredth of the cache. When the cache is full, the last
/// entry of the window competes with the last of the main part: the one that was seen less often recently, by
/// a FrequencySketch, is evicted. The other one stays in the main part, or enters its first segment
/// ("probation"). A used entry of that segment moves to the second one ("protected", four fifths of the main
/// part); when that is full, its last entry goes back to probation.
///
/// A hit moves the entry, so it needs the lock.

#include <algorithm>
#include <array>
#include <optional>
#include <terrace/detail/memory/frequency_sketch.hpp>
#include <terrace/detail/memory/list.hpp>
#include <terrace/detail/memory/slab.hpp>

namespace terrace::memory {

class WTinyLfu {
 public:
  /// `expected`: the most entries; 0 if unknown.
  explicit WTinyLfu(std::uint64_t expected) noexcept : bound_(expected), expected_(expected) {}

  /// Throws std::bad_alloc.
  template <class Entries>
  void prepare(const Entries&, NodeId id, std::uint64_t hash, const Worth&) {
    sketch_.reserve(room_for(expected_, size()));
    hashes_.ensure(id);
    hashes_[id] = sketch_hash(hash);
  }
  /// How many entries the sketch is made for.
  static std::uint64_t room_for(std::uint64_t expected, std::uint64_t size) noexcept {
    return expected != 0 ? expected : std::max<std::uint64_t>(1024, std::bit_ceil(size + 1));
  }
  static std::uint32_t sketch_hash(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash * 0xd6e8'feb8'6659'fd93U >> 32);
  }

  template <class Entries>
  void link(const Entries& entries, NodeId id) noexcept {
    bound_ = std::max<std::uint64_t>(bound_, size() + 1);
    sketch_.add(hashes_[id]);
    enter(entries, id, window);
    if (queues_[window].size > window_target(bound_)) move(entries, queues_[window].back, probation);
  }

  template <class Entries>
  void hit(const Entries& entries, NodeId id) noexcept {
    sketch_.add(hashes_[id]);
    const std::uint32_t in = entries[id].word();
    if (in != probation) return queues_[in].move_to_front(entries, id);
    move(entries, id, protected_);
    if (queues_[protected_].size > protected_target(bound_))
      move(entries, queues_[protected_].back, probation);
  }

  template <class Entries>
  void replace(const Entries& entries, NodeId from, NodeId to) noexcept {
    entries[to].set_word(entries[from].word());
    queues_[entries[to].word()].replace(entries, from, to);
    hit(entries, to);
  }
  template <class Entries>
  void retimed(const Entries&, NodeId) noexcept {}
  template <class Entries>
  void unlink(const Entries& entries, NodeId id) noexcept {
    queues_[entries[id].word()].remove(entries, id);
  }

  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    bound_ = size();
    const NodeId candidate = queues_[window].back;
    const NodeId last = queues_[probation].size != 0 ? queues_[probation].back : queues_[protected_].back;
    if (last == nil) return candidate;
    if (candidate == nil || queues_[window].size < window_target(bound_)) return last;
    if (sketch_.frequency(hashes_[candidate]) <= sketch_.frequency(hashes_[last])) return candidate;
    move(entries, candidate, probation);
    return last;
  }

  template <class Entries>
  void evicted(const Entries&, NodeId, std::uint64_t) noexcept {}

  /// An estimate: recent uses, at most 15.
  template <class Entries>
  [[nodiscard]] std::optional<std::uint64_t> accesses(const Entries&, NodeId id) const noexcept {
    return sketch_.frequency(hashes_[id]);
  }

  void clear() noexcept {
    queues_ = {};
    sketch_.clear();
  }

  template <class Entries>
  [[nodiscard]] bool check(const Entries& entries) const {
    bool well = true;
    for (std::uint32_t queue : {window, probation, protected_}) {
      const auto placed = [&](NodeId id) { well = well && entries[id].word() == queue; };
      well = queues_[queue].check(entries, placed) && well;
    }
    return well;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    return sketch_.heap_bytes() + hashes_.heap_bytes();
  }
  [[nodiscard]] std::size_t size() const noexcept {
    return std::size_t{queues_[window].size} + queues_[probation].size + queues_[protected_].size;
  }

  static std::uint64_t window_target(std::uint64_t bound) noexcept {
    return std::max<std::uint64_t>(1, bound / 100);
  }
  static std::uint64_t protected_target(std::uint64_t bound) noexcept {
    return (bound - std::min(bound, window_target(bound))) * 4 / 5;
  }

 private:
  // The word of a node: the queue it is in.
  enum Queue : std::uint32_t { window, probation, protected_ };

  template <class Entries>
  void enter(const Entries& entries, NodeId id, Queue to) noexcept {
    entries[id].set_word(to);
    queues_[to].push_front(entries, id);
  }
  template <class Entries>
  void move(const Entries& entries, NodeId id, Queue to) noexcept {
    queues_[entries[id].word()].remove(entries, id);
    enter(entries, id, to);
  }

  std::array<List, 3> queues_;
  FrequencySketch sketch_;
  SideTable<std::uint32_t, 10> hashes_;  // hash of each node
  std::uint64_t bound_;                  // number of entries when it is full, as far as known
  std::uint64_t expected_;
};

}  // namespace terrace::memory
