// Many threads over many shards hit about as often as the policy on paper: one thread, one shard.

#include "memory/in_threads.hpp"
#include "memory/support.hpp"
#include "memory/workload.hpp"

namespace terrace::memory {
namespace {

constexpr std::size_t chunk = 64;  // keys that a thread takes at a time

double hit_ratio(Eviction eviction, unsigned shards, int threads, const std::vector<std::uint64_t>& keys) {
  MemoryOptions<std::uint64_t, int> options;
  options.max_entries = 16'000;
  options.eviction = eviction;
  options.shards = shards;
  Checked<std::uint64_t, int> cache(options);
  std::atomic<std::size_t> next = 0;
  in_threads(threads, [&](int) {
    for (std::size_t at; (at = next.fetch_add(chunk)) < keys.size();) {
      for (std::size_t i = at; i < std::min(at + chunk, keys.size()); ++i) {
        if (!cache.visit(keys[i], [](int) {})) cache.set(keys[i], 1);
      }
    }
  });
  const MemoryStats stats = cache.stats();
  return static_cast<double>(stats.hits) / static_cast<double>(stats.hits + stats.misses);
}

TEST(ConcurrentRatio, IsNearTheSimulatedOne) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  const auto keys = mixed_workload(1'000'000, test_seed());
  for (const std::string_view name : eviction_names()) {
    const Eviction eviction = *parse_eviction(name);
    const double simulated = hit_ratio(eviction, 1, 1, keys);
    const double concurrent = hit_ratio(eviction, 8, 4, keys);
    std::printf("%-10s simulated %.4f, concurrent %.4f\n", std::string(name).c_str(), simulated, concurrent);
    // The tuner chooses by a sample, and not always the same. What counts uses compares an entry with few
    // others in a small shard; here that is for the better.
    const bool counts = eviction == Eviction::lfu || eviction == Eviction::w_tinylfu;
    EXPECT_NEAR(concurrent, simulated,
                counts                           ? 0.01
                : eviction == Eviction::adaptive ? 0.015
                                                 : 0.003)
        << name;
  }
}

}  // namespace
}  // namespace terrace::memory
