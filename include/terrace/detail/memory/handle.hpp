#pragma once
/// Handle: a value in a MemoryCache, held in place: nothing is copied, and it stays valid and unchanged if
/// the entry is replaced, evicted or erased meanwhile.

#include <terrace/detail/memory/node.hpp>
#include <utility>

namespace terrace::memory {

/// Move-only; empty if nothing was found. It keeps the entry's memory from being reused, so do not keep many.
/// It must be destroyed before its cache. Different threads may use different handles.
template <class K, class V, class Shard>
class Handle {
 public:
  Handle() noexcept = default;
  /// Takes over a pin.
  Handle(Shard& shard, Node<K, V>& node, NodeId id) noexcept : shard_(&shard), node_(&node), id_(id) {}
  Handle(Handle&& other) noexcept
      : shard_(other.shard_), node_(std::exchange(other.node_, nullptr)), id_(other.id_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(shard_, other.shard_);
    std::swap(node_, other.node_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (node_ != nullptr) shard_->unpin(*node_, id_);
  }

  explicit operator bool() const noexcept { return node_ != nullptr; }
  [[nodiscard]] const V& operator*() const noexcept { return node_->value; }
  [[nodiscard]] const V* operator->() const noexcept { return &node_->value; }
  [[nodiscard]] const K& key() const noexcept { return node_->key; }

  /// Erases this entry, unless it was removed or replaced already.
  bool erase() noexcept { return shard_->erase_node(*node_, id_); }

 private:
  Shard* shard_ = nullptr;
  Node<K, V>* node_ = nullptr;
  NodeId id_ = nil;
};

}  // namespace terrace::memory
