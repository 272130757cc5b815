#include <bit>
#include <terrace/detail/memory/shadow_cache.hpp>

namespace terrace::memory {

void ShadowCache::start(NodeId entries, WindowShape shape, std::uint64_t ghosts) {
  const std::size_t slots = std::bit_ceil(std::size_t{entries} * 2 + 2);
  nodes_ = std::make_unique<Node[]>(entries);
  slots_ = std::make_unique<NodeId[]>(slots);
  std::fill_n(slots_.get(), slots, nil);
  slots_mask_ = slots - 1;
  capacity_ = entries;
  used_ = 0;
  policy_ = WindowClock(entries, shape, ghosts);
  policy_.reserve_ghosts();
}

std::size_t ShadowCache::slot_of(std::uint64_t hash) const noexcept {
  std::size_t slot = hash & slots_mask_;
  while (slots_[slot] != nil && nodes_[slots_[slot]].hash != hash) slot = (slot + 1) & slots_mask_;
  return slot;
}

void ShadowCache::erase(std::uint64_t hash) noexcept {
  std::size_t hole = slot_of(hash);
  for (std::size_t slot = hole;;) {
    slot = (slot + 1) & slots_mask_;
    if (slots_[slot] == nil) break;
    const std::size_t home = nodes_[slots_[slot]].hash & slots_mask_;
    // It may move to the hole unless its home lies after the hole.
    if (((slot - home) & slots_mask_) >= ((slot - hole) & slots_mask_)) {
      slots_[hole] = slots_[slot];
      hole = slot;
    }
  }
  slots_[hole] = nil;
}

NodeId ShadowCache::take_node() noexcept {
  if (used_ < capacity_) return used_++;
  const NodeId id = policy_.victim(nodes_);
  policy_.evicted(nodes_, id, nodes_[id].hash);
  policy_.unlink(nodes_, id);
  erase(nodes_[id].hash);
  return id;
}

std::size_t ShadowCache::heap_bytes() const noexcept {
  if (capacity_ == 0) return 0;
  return capacity_ * sizeof(Node) + (slots_mask_ + 1) * sizeof(NodeId) + policy_.heap_bytes();
}

bool ShadowCache::access(std::uint64_t hash) noexcept {
  if (const NodeId id = slots_[slot_of(hash)]; id != nil) return policy_.hit(nodes_, id), true;
  const bool in_main = policy_.admit(nodes_, hash);
  const NodeId id = take_node();
  nodes_[id].hash = hash;
  nodes_[id].bits = 0;
  policy_.place(nodes_, id, in_main);
  policy_.link(nodes_, id);
  slots_[slot_of(hash)] = id;
  return false;
}

}  // namespace terrace::memory
