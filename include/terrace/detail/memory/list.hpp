#pragma once
/// List: a doubly linked list of nodes through their `prev` and `next`; the building block of policies.

#include <terrace/detail/memory/node.hpp>

namespace terrace::memory {

/// The front is the newest, the back is evicted next. `nodes[id]` must give Links&.
struct List {
  NodeId front = nil;
  NodeId back = nil;
  NodeId size = 0;

  template <class Nodes>
  void push_front(const Nodes& nodes, NodeId id) noexcept {
    Links& node = nodes[id];
    node.prev = nil;
    node.next = front;
    (front == nil ? back : nodes[front].prev) = id;
    front = id;
    ++size;
  }

  template <class Nodes>
  void remove(const Nodes& nodes, NodeId id) noexcept {
    const Links& node = nodes[id];
    (node.prev == nil ? front : nodes[node.prev].next) = node.next;
    (node.next == nil ? back : nodes[node.next].prev) = node.prev;
    --size;
  }

  /// `to` takes the place of `from`.
  template <class Nodes>
  void replace(const Nodes& nodes, NodeId from, NodeId to) noexcept {
    const Links& old = nodes[from];
    Links& node = nodes[to];
    node.prev = old.prev;
    node.next = old.next;
    (node.prev == nil ? front : nodes[node.prev].next) = to;
    (node.next == nil ? back : nodes[node.next].prev) = to;
  }

  template <class Nodes>
  void move_to_front(const Nodes& nodes, NodeId id) noexcept {
    if (front == id) return;
    remove(nodes, id);
    push_front(nodes, id);
  }

  /// Calls f(id) from front to back; returns false if the links contradict each other.
  template <class Nodes, class F>
  [[nodiscard]] bool check(const Nodes& nodes, F&& f) const {
    NodeId before = nil;
    NodeId seen = 0;
    for (NodeId id = front; id != nil; before = id, id = nodes[id].next) {
      if (nodes[id].prev != before || ++seen > size) return false;
      f(id);
    }
    return seen == size && back == before;
  }
};

}  // namespace terrace::memory
