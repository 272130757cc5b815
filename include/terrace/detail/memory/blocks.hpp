#pragma once
/// Blocks: raw memory that begins with a link. So replaced memory can be kept in a chain, without an
/// allocation, until no reader uses it any more.

#include <cstddef>
#include <new>
#include <terrace/detail/memory/node.hpp>
#include <utility>

namespace terrace::memory {

/// The beginning of a block.
struct Block {
  Block* next = nullptr;
  std::size_t bytes = 0;
};

/// Memory of that many bytes, aligned to a cache line. Throws std::bad_alloc.
[[nodiscard]] inline void* allocate_block(std::size_t bytes) {
  return ::operator new (bytes, std::align_val_t{cache_line});
}
inline void free_block(void* block) noexcept {
  ::operator delete (block, std::align_val_t{cache_line});
}

/// Owns a chain of blocks.
class Blocks {
 public:
  Blocks() noexcept = default;
  Blocks(Blocks&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
  Blocks& operator=(Blocks&& other) noexcept {
    std::swap(first_, other.first_);
    return *this;
  }
  ~Blocks() { free_all(); }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void add(Block& block) noexcept {
    block.next = first_;
    first_ = &block;
  }
  void add_all(Blocks& others) noexcept {
    while (others.first_ != nullptr) {
      Block& block = *others.first_;
      others.first_ = block.next;
      add(block);
    }
  }
  void free_all() noexcept {
    while (first_ != nullptr) free_block(std::exchange(first_, first_->next));
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = 0;
    for (const Block* block = first_; block != nullptr; block = block->next) total += block->bytes;
    return total;
  }

 private:
  Block* first_ = nullptr;
};

}  // namespace terrace::memory
