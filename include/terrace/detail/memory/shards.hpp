#pragma once
/// Shards: the shards of a cache, side by side in memory, each on its own cache lines.

#include <cstdint>
#include <memory>
#include <terrace/eviction.hpp>

namespace terrace::memory {

template <class Shard>
class Shards {
 public:
  /// Divides max_entries among the shards; 0: no bound.
  Shards(unsigned count, typename Shard::Shared& shared, Eviction eviction, std::uint64_t max_entries)
      : shards_(std::allocator<Shard>().allocate(count)), size_(count) {
    for (unsigned i = 0; i < count; ++i) {
      std::construct_at(shards_ + i, shared, eviction,
                        max_entries / count + (i < max_entries % count ? 1 : 0));
    }
  }
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;
  ~Shards() {
    std::destroy_n(shards_, size_);
    std::allocator<Shard>().deallocate(shards_, size_);
  }

  /// The shard for that hash: chosen by the top of its lower half, which index and ghosts do not use.
  [[nodiscard]] Shard& of(std::uint64_t hash) const noexcept {
    return shards_[(hash & 0xffff'ffffU) * size_ >> 32];
  }
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] Shard* begin() const noexcept { return shards_; }
  [[nodiscard]] Shard* end() const noexcept { return shards_ + size_; }

 private:
  Shard* shards_;
  unsigned size_;
};

}  // namespace terrace::memory
