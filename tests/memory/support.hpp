#pragma once
/// What the memory tests share: seeds, and caches whose invariants are checked when they end.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <terrace/detail/memory/check.hpp>
#include <terrace/memory_cache.hpp>
#include <terrace/testing.hpp>

namespace terrace::memory {

using namespace std::chrono_literals;

/// From TERRACE_SEED, else drawn; print it with SCOPED_TRACE.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("TERRACE_SEED");
  static const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  return seed;
}

/// A cache that checks its invariants at the end of the test.
template <class K, class V, class Hash = KeyHash, class Equal = std::equal_to<>>
class Checked : public MemoryCache<K, V, Hash, Equal> {
 public:
  using MemoryCache<K, V, Hash, Equal>::MemoryCache;
  ~Checked() { EXPECT_EQ(Inspector::check(*this), ""); }
};

/// Options of a small cache with one shard, on a clock of the test's, without a sweeping thread.
template <class K, class V>
MemoryOptions<K, V> small_options(std::size_t entries, Eviction eviction = Eviction::s3fifo,
                                  const Clock& clock = system_clock()) {
  MemoryOptions<K, V> options;
  options.max_entries = entries;
  options.eviction = eviction;
  options.shards = 1;
  options.clock = &clock;
  options.sweep_interval = Duration::zero();
  return options;
}

}  // namespace terrace::memory
