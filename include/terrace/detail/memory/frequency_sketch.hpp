#pragma once
/// FrequencySketch: estimates how often each key was seen recently, in four bits for each, without storing
/// keys.
///
/// A count-min sketch (Cormode, Muthukrishnan: An improved data stream summary, Journal of Algorithms 55,
/// 2005): a key has one counter in each of four rows, and the lowest of them is its frequency. All four are
/// in one cache line. After ten times as many additions as entries all counters are halved, so that old
/// frequencies fade (the reset of TinyLFU, see w_tinylfu.hpp).

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <terrace/detail/memory/node.hpp>

namespace terrace::memory {

class FrequencySketch {
 public:
  static constexpr unsigned most = 15;

  /// Makes room for a cache of that many entries. A growing sketch loses its counts. Throws std::bad_alloc.
  void reserve(std::uint64_t entries) {
    if (entries <= entries_) return;
    const std::uint64_t blocks = std::max<std::uint64_t>(1, std::bit_ceil(entries) / entries_per_block);
    blocks_ = std::make_unique<Block[]>(static_cast<std::size_t>(blocks));
    blocks_count_ = blocks;
    entries_ = entries;
    additions_ = 0;
  }

  void add(std::uint32_t hash) noexcept {
    if (entries_ == 0) return;
    bool added = false;
    for (unsigned row = 0; row < rows; ++row) {
      std::uint64_t& word = word_of(hash, row);
      const unsigned shift = shift_of(hash, row);
      if ((word >> shift & most) == most) continue;
      word += std::uint64_t{1} << shift;
      added = true;
    }
    if (added && ++additions_ >= entries_ * additions_per_entry) halve();
  }

  [[nodiscard]] unsigned frequency(std::uint32_t hash) const noexcept {
    if (entries_ == 0) return 0;
    unsigned lowest = most;
    for (unsigned row = 0; row < rows; ++row) {
      lowest = std::min(lowest, static_cast<unsigned>(word_of(hash, row) >> shift_of(hash, row) & most));
    }
    return lowest;
  }

  void clear() noexcept {
    std::fill_n(blocks_.get(), blocks_count_, Block{});
    additions_ = 0;
  }

  [[nodiscard]] std::size_t heap_bytes() const noexcept { return blocks_count_ * sizeof(Block); }

 private:
  static constexpr unsigned rows = 4;
  static constexpr unsigned entries_per_block = 8;  // sixteen counters for each entry
  static constexpr std::uint64_t additions_per_entry = 10;

  /// Two words, 32 counters, for each row.
  struct alignas(cache_line) Block {
    std::uint64_t words[2 * rows];
  };

  [[nodiscard]] std::uint64_t& word_of(std::uint32_t hash, unsigned row) const noexcept {
    Block& block = blocks_[static_cast<std::size_t>(std::uint64_t{hash} * blocks_count_ >> 32)];
    return block.words[2 * row + (counter_of(hash, row) >> 4)];
  }
  static unsigned shift_of(std::uint32_t hash, unsigned row) noexcept {
    return counter_of(hash, row) % 16 * 4;
  }
  /// The index among the row's 32 counters.
  static unsigned counter_of(std::uint32_t hash, unsigned row) noexcept {
    const std::uint64_t spread = (hash + std::uint64_t{1}) * 0x9e37'79b9'7f4a'7c15U;
    return static_cast<unsigned>(spread >> (44 + 5 * row) & 31);
  }

  void halve() noexcept {
    for (std::uint64_t i = 0; i < blocks_count_; ++i) {
      for (std::uint64_t& word : blocks_[i].words) word = word >> 1 & 0x7777'7777'7777'7777U;
    }
    additions_ /= 2;
  }

  std::unique_ptr<Block[]> blocks_;
  std::uint64_t blocks_count_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t additions_ = 0;
};

}  // namespace terrace::memory
