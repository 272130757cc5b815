#pragma once
/// Limbo: removed nodes (chained by `next`), and memory that was replaced by a larger piece, wait here until
/// no reader can be using them. Used under the shard's lock.

#include <cstdint>
#include <terrace/detail/memory/blocks.hpp>
#include <terrace/detail/memory/node.hpp>
#include <terrace/detail/memory/readers.hpp>
#include <utility>

namespace terrace::memory {

/// A chain of nodes, from the first to the last to be added.
struct Chain {
  NodeId first = nil;
  NodeId last = nil;

  [[nodiscard]] bool empty() const noexcept { return first == nil; }
  template <class Nodes>
  void add(const Nodes& nodes, NodeId id) noexcept {
    append(nodes, {id, id});
  }
  template <class Nodes>
  void append(const Nodes& nodes, Chain other) noexcept {
    nodes[other.last].next = nil;
    (first == nil ? first : nodes[last].next) = other.first;
    last = other.last;
  }
};

class Limbo {
 public:
  /// Looking for freed nodes costs a barrier, so it is done for this many nodes or bytes at a time.
  Limbo(std::size_t most_nodes, std::uint64_t most_bytes) noexcept
      : most_nodes_(most_nodes), most_bytes_(most_bytes) {}

  template <class Nodes>
  void add(const Nodes& nodes, NodeId id, std::uint64_t weight) noexcept {
    young_.add(nodes, id);
    ++young_nodes_;
    young_bytes_ += weight;
  }
  void add(Blocks& blocks) noexcept {
    if (blocks.empty()) return;
    young_blocks_.add_all(blocks);
    young_bytes_ = most_bytes_;
  }

  /// True: it is time to call collect().
  [[nodiscard]] bool is_full() const noexcept {
    return young_nodes_ >= most_nodes_ || young_bytes_ >= most_bytes_;
  }
  [[nodiscard]] bool empty() const noexcept {
    return young_.empty() && young_blocks_.empty() && old_.empty() && old_blocks_.empty();
  }

  /// Frees the blocks that no reader can see, and returns such nodes. The others wait for the next time.
  template <class Nodes>
  Chain collect(const Nodes& nodes) noexcept {
    Chain passed = take_old();
    close();
    if (!old_.empty() || !old_blocks_.empty()) {
      if (!Readers::passed(stamp_)) Readers::advance();
      if (const Chain more = take_old(); !more.empty()) passed.append(nodes, more);
      close();
    }
    return passed;
  }

  /// Returns everything, even if there are readers: for the end.
  template <class Nodes>
  Chain take_all(const Nodes& nodes) noexcept {
    if (!young_.empty()) old_.append(nodes, young_);
    young_ = {};
    return std::exchange(old_, {});
  }

 private:
  Chain take_old() noexcept {
    if ((old_.empty() && old_blocks_.empty()) || !Readers::passed(stamp_)) return {};
    old_blocks_.free_all();
    return std::exchange(old_, {});
  }
  void close() noexcept {
    // The count starts again in either case, so that one long reader does not make every write look.
    young_nodes_ = 0;
    young_bytes_ = 0;
    if (!old_.empty() || !old_blocks_.empty() || (young_.empty() && young_blocks_.empty())) return;
    old_ = std::exchange(young_, {});
    old_blocks_.add_all(young_blocks_);
    stamp_ = Readers::stamp();
  }

  std::size_t most_nodes_;
  std::uint64_t most_bytes_;
  Chain young_;
  std::size_t young_nodes_ = 0;
  std::uint64_t young_bytes_ = 0;
  Blocks young_blocks_;
  Chain old_;  // unlinked before the stamp was taken
  Blocks old_blocks_;
  std::uint64_t stamp_ = 0;
};

}  // namespace terrace::memory
