// What advise() says of other sizes is what caches of those sizes do.

#include "memory/in_threads.hpp"
#include "memory/support.hpp"
#include "memory/workload.hpp"

namespace terrace::memory {
namespace {

using Numbers = MemoryCache<std::uint64_t, std::uint64_t>;

double hit_ratio(Numbers& cache, const std::vector<std::uint64_t>& keys) {
  for (const std::uint64_t key : keys) {
    if (!cache.get(key)) cache.set(key, key);
  }
  const MemoryStats stats = cache.stats();
  return static_cast<double>(stats.hits) / static_cast<double>(stats.hits + stats.misses);
}

/// Usually within two points; a sample may be unlucky.
TEST(Advisor, KnowsOtherSizesWithinThreePoints) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  const auto keys = mixed_workload(400'000, test_seed());
  for (const std::string_view name : eviction_names()) {
    Numbers::Options options{.max_entries = 10'000, .eviction = *parse_eviction(name), .advisor = true};
    Numbers cache(options);
    hit_ratio(cache, keys);
    const Advice advice = *cache.advise();
    EXPECT_EQ(advice.sizes[0].entries, 2'500U);
    EXPECT_EQ(advice.sizes[4].entries, 40'000U);
    for (std::size_t i = 0; i < advice.sizes.size(); ++i) {
      options.max_entries = static_cast<std::size_t>(advice.sizes[i].entries);
      options.advisor = false;
      Numbers sized(options);
      EXPECT_NEAR(advice.hit_ratio(i), hit_ratio(sized, keys), 0.03)
          << name << " × " << advice.sizes[i].factor;
    }
  }
}

TEST(Advisor, OfASmallCacheIsExact) {
  const auto keys = mixed_workload(50'000, 1);
  Numbers::Options options{.max_entries = 1'000, .eviction = Eviction::lru, .shards = 1, .advisor = true};
  Numbers cache(options);
  const double own = hit_ratio(cache, keys);
  EXPECT_DOUBLE_EQ(cache.advise()->hit_ratio(2), own);
  EXPECT_EQ(cache.advise()->requests, keys.size());
  options.max_entries = 4'000;
  Numbers larger(options);
  EXPECT_DOUBLE_EQ(cache.advise()->hit_ratio(4), hit_ratio(larger, keys));
}

TEST(Advisor, TellsWhatHappenedSince) {
  Numbers cache({.max_entries = 100, .shards = 1, .advisor = true});
  for (std::uint64_t key = 0; key < 50; ++key) {
    if (!cache.get(key)) cache.set(key, 1);
  }
  const Advice before = *cache.advise();
  EXPECT_EQ(before.hit_ratio(2), 0);
  for (std::uint64_t key = 0; key < 50; ++key) (void)cache.get(key);
  const Advice since = cache.advise()->since(before);
  EXPECT_EQ(since.requests, 50U);
  EXPECT_EQ(since.hit_ratio(2), 1);
  EXPECT_LT(since.hit_ratio(0), 1);
}

/// The adjustment for the sample may take back a hit.
TEST(Advisor, ADifferenceIsNeverLessThanNothing) {
  Advice earlier, later;
  earlier.requests = 10;
  earlier.sizes[0].hits = 6;
  later.requests = 11;
  later.sizes[0].hits = 5;
  EXPECT_EQ(later.since(earlier).requests, 1U);
  EXPECT_EQ(later.since(earlier).hit_ratio(0), 0);
}

TEST(Advisor, WhatIsErasedOrHasExpiredIsAMissAtAnySize) {
  testing::FakeClock clock;
  Numbers cache({.max_entries = 100, .ttl = 10s, .shards = 1, .advisor = true, .clock = &clock});
  const auto ask = [&](std::uint64_t key) {
    const Advice before = *cache.advise();
    if (!cache.get(key)) cache.set(key, 1);
    return cache.advise()->since(before).sizes[4].hits;
  };
  EXPECT_EQ(ask(1), 0U);
  EXPECT_EQ(ask(1), 1U);
  cache.erase(1);
  EXPECT_EQ(ask(1), 0U);
  cache.clear();
  EXPECT_EQ(ask(1), 0U);
  clock.advance(11s);
  EXPECT_EQ(ask(1), 0U);
}

TEST(Advisor, IsThereOnlyWhenAskedForAndNeedsABoundOnEntries) {
  Numbers cache;
  EXPECT_EQ(cache.advise(), std::nullopt);
  try {
    Numbers refused({.max_entries = 0, .max_bytes = 1 << 20, .advisor = true});
    FAIL() << "no bound on entries";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("advisor needs max_entries"), std::string::npos) << error.what();
  }
}

TEST(Advisor, ThreadsDoNotDisturbIt) {
  Checked<int, int> cache({.max_entries = 1000, .advisor = true});
  in_threads(4, [&](int t) {
    for (int i = 0; i < 20'000; ++i) {
      const int key = i * (t + 1) % 3000;
      if (!cache.get(key)) cache.set(key, i);
      if (i % 100 == 0) cache.erase(key);
      if (i % 1000 == 0) {
        EXPECT_LE(cache.advise()->hit_ratio(4), 1);
      }
    }
  });
}

}  // namespace
}  // namespace terrace::memory
