#pragma once
/// Handle: a value in a MemoryCache, held where it is: nothing is copied, and it stays valid and unchanged
/// when the entry is replaced, evicted or erased meanwhile.

#include <terrace/detail/memory/node.hpp>
#include <utility>

namespace terrace::memory {

/// Move-only; empty when nothing was found. Keeps the entry's memory from being reused, so do not hoard them.
/// Must be gone before its cache is. Different threads may use different handles.
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

  /// Erases this entry, unless it has left or was replaced already.
  bool erase() noexcept { return shard_->erase_node(*node_, id_); }

 private:
  Shard* shard_ = nullptr;
  Node<K, V>* node_ = nullptr;
  NodeId id_ = nil;
};

}  // namespace terrace::memory
