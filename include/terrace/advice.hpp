#pragma once
/// Advice: what other sizes of a memory cache would do (MemoryCache::advise(), Cache::advise()).

#include <array>
#include <cstdint>

namespace terrace {

/// The hits that a cache of each size would have had. For the hits between two advices take their difference
/// with since(). A few reads say little.
struct Advice {
  struct Size {
    double factor = 0;          ///< relative to the cache's own size
    std::uint64_t entries = 0;  ///< the same as a number of entries
    std::uint64_t hits = 0;     ///< out of `requests`
  };
  std::uint64_t requests = 0;  ///< sampled reads, of which each size could have answered `hits`
  std::array<Size, 5> sizes = {};

  /// 0 … 1; 0 if nothing was sampled.
  [[nodiscard]] double hit_ratio(std::size_t size) const noexcept {
    return requests == 0 ? 0 : static_cast<double>(sizes[size].hits) / static_cast<double>(requests);
  }
  [[nodiscard]] Advice since(const Advice& earlier) const noexcept {
    Advice between = *this;
    between.requests -= earlier.requests;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      between.sizes[i].hits -= std::min(sizes[i].hits, earlier.sizes[i].hits);
    }
    return between;
  }
};

}  // namespace terrace
