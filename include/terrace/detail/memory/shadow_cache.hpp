#pragma once
/// ShadowCache: a WindowClock over hashes alone, to evaluate a shape.

#include <memory>
#include <terrace/detail/memory/window_clock.hpp>

namespace terrace::memory {

class ShadowCache {
 public:
  /// Starts again, empty. Throws std::bad_alloc.
  void start(NodeId entries, WindowShape shape, std::uint64_t ghosts);

  /// Looks the key up, and stores it after a miss; returns whether it was a hit.
  bool access(std::uint64_t hash) noexcept;

  [[nodiscard]] std::size_t heap_bytes() const noexcept;

 private:
  struct Node : Links {
    std::uint64_t hash;
  };

  /// The slot of the hash, or the empty slot where it belongs. Linear probing, half full at most.
  [[nodiscard]] std::size_t slot_of(std::uint64_t hash) const noexcept;
  void erase(std::uint64_t hash) noexcept;
  NodeId take_node() noexcept;

  WindowClock policy_{0, {100, 2}};
  std::unique_ptr<Node[]> nodes_;
  std::unique_ptr<NodeId[]> slots_;
  std::size_t slots_mask_ = 0;
  NodeId capacity_ = 0;
  NodeId used_ = 0;
};

}  // namespace terrace::memory
