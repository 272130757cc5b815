/// Cache::stats(): what each level and the cache as a whole count.

#include <atomic>
#include <thread>

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

/// Over two tiers of this process.
class LevelStatsTest : public CascadeTest {};
/// Over a tier that two caches share.
class CacheStatsTest : public SharedTest {};

TEST_F(LevelStatsTest, ErrorsAreCountedByKind) {
  auto cache = make();
  for (const Errc kind :
       {Errc::timed_out, Errc::timed_out, Errc::unavailable, Errc::io_error, Errc::denied}) {
    upper_->plan({.kind = testing::Fault::Kind::fail, .error = kind});
    (void)cache.get("k");
  }
  const LevelStats level = cache.stats().levels[1];
  EXPECT_EQ(level.errors, 5U);
  EXPECT_EQ(level.errors_by_kind.timed_out, 2U);
  EXPECT_EQ(level.errors_by_kind.unavailable, 1U);
  EXPECT_EQ(level.errors_by_kind.io, 1U);
  EXPECT_EQ(level.errors_by_kind.other, 1U);
  EXPECT_EQ(cache.stats().levels[2].errors, 0U);
}

TEST_F(LevelStatsTest, NegativeHitsAreHitsToo) {
  const CacheOptions options{.negative_ttl = 1min, .ttl_jitter = 0};
  auto cache = make(options);
  const auto nothing = [] { return std::optional<std::string>(); };
  (void)cache.get_or_load("k", nothing);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cache.lookup("k").kind, LookupKind::negative);
  EXPECT_EQ(cache.stats().levels[0].hits, 3U);
  EXPECT_EQ(cache.stats().levels[0].negative_hits, 3U);
  auto other = make(options);
  EXPECT_EQ(other.lookup("k").kind, LookupKind::negative);
  EXPECT_EQ(other.stats().levels[0].negative_hits, 0U);
  EXPECT_EQ(other.stats().levels[1].hits, 1U);
  EXPECT_EQ(other.stats().levels[1].negative_hits, 1U);
}

TEST_F(LevelStatsTest, StaleAnswersAreCountedWhereTheyCameFrom) {
  const CacheOptions options{.ttl = 10s, .ttl_jitter = 0, .grace = 1min};
  auto cache = make(options);
  cache.set("k", "v").value();
  scheduler_->advance(11s);
  const auto failing = []() -> std::string { throw std::runtime_error("origin down"); };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(cache.lookup_or_load("k", failing).kind, LookupKind::stale);
  auto stats = cache.stats();
  EXPECT_EQ(stats.levels[0].stale_hits, 4U) << "one after a try to refresh it, three at once";
  EXPECT_EQ(stats.levels[0].hits, 3U);
  EXPECT_EQ(stats.levels[0].misses, 1U);
  EXPECT_EQ(stats.stale_served, 1U);
  auto other = make(options);
  EXPECT_EQ(other.lookup_or_load("k", failing).level, "map");
  stats = other.stats();
  EXPECT_EQ(stats.levels[1].stale_hits, 1U);
  EXPECT_EQ(stats.levels[1].hits, 0U);
  EXPECT_EQ(stats.levels[0].stale_hits, 0U);
  EXPECT_EQ(stats.stale_served, 1U);
}

TEST_F(LevelStatsTest, EntriesLeaveMemoryByACause) {
  Strings cache({.max_entries = 2, .ttl = 10s, .ttl_jitter = 0, .scheduler = scheduler_});
  for (const char* key : {"a", "b", "c"}) cache.set(key, "v").value();
  EXPECT_EQ(cache.stats().levels[0].evictions, 1U);
  cache.set("c", "again").value();
  EXPECT_EQ(cache.stats().levels[0].replaced, 1U)
      << "without tiers the new value takes the place of the former one";
  cache.erase("c").value();
  EXPECT_EQ(cache.stats().levels[0].invalidated, 1U);
  EXPECT_EQ(cache.stats().levels[0].entries, 1U);
  scheduler_->advance(11s);
  for (const char* key : {"a", "b"}) (void)cache.get(key);
  EXPECT_EQ(cache.stats().levels[0].expirations, 1U);
  EXPECT_EQ(cache.stats().levels[0].entries, 0U);
}

TEST_F(LevelStatsTest, LatenciesOfTiersAreCountedUnderFixedBounds) {
  auto cache = make();
  const std::array<Duration, 4> delays = {1ms, 3ms, 40ms, 40ms};
  for (const Duration delay : delays) {
    upper_->plan({.kind = testing::Fault::Kind::delay, .delay = delay});
    (void)cache.get("k");
  }
  const CacheStats stats = cache.stats();
  const LatencyCounts& seen = stats.levels[1].latency;
  EXPECT_EQ(seen.count, 4U);
  EXPECT_EQ(seen.sum, Duration(84ms));
  const auto up_to = [&](Duration bound) {
    const auto at = std::find(seen.bounds.begin(), seen.bounds.end(), bound);
    return seen.up_to[static_cast<std::size_t>(at - seen.bounds.begin())];
  };
  EXPECT_EQ(up_to(500us), 0U);
  EXPECT_EQ(up_to(1ms), 1U);
  EXPECT_EQ(up_to(5ms), 2U);
  EXPECT_EQ(up_to(25ms), 2U);
  EXPECT_EQ(up_to(50ms), 4U);
  EXPECT_EQ(up_to(10s), 4U);
  EXPECT_EQ(stats.levels[0].latency.count, 0U) << "memory's is not measured";
  EXPECT_TRUE(std::is_sorted(seen.bounds.begin(), seen.bounds.end()));
}

TEST_F(LevelStatsTest, WithoutASharedTierNothingIsWatchedOrSent) {
  auto cache = make();
  cache.set("k", "v").value();
  cache.erase("k").value();
  EXPECT_EQ(cache.stats().watching, std::nullopt);
  EXPECT_EQ(cache.stats().invalidations_sent, 0U);
}

TEST_F(CacheStatsTest, LoadsThatRunAndThatWaitForTheirTurnAreTold) {
  Strings cache = make({.max_concurrent_loads = 2});
  const auto held = std::make_shared<Held>();
  const auto second = std::make_shared<Held>();
  start(cache, "a", held);
  start(cache, "b", second);
  EXPECT_EQ(cache.stats().loads_in_flight, 2U);
  EXPECT_EQ(cache.stats().loads_waiting, 0U);
  const auto third = std::make_shared<Held>();
  start(cache, "c", third);
  EXPECT_EQ(cache.stats().loads_waiting, 1U);
  scheduler_->fake_clock().advance(30ms);
  held->answer("1");
  EXPECT_EQ(cache.stats().loads_in_flight, 2U);
  EXPECT_EQ(cache.stats().loads_waiting, 0U);
  second->answer("2");
  third->answer("3");
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.loads_in_flight, 0U);
  EXPECT_EQ(stats.load_latency.count, 3U);
  EXPECT_EQ(stats.load_latency.sum, Duration(90ms)) << "the third waited for its turn so long";
}

TEST_F(CacheStatsTest, ALoadGivenUpIsInFlightUntilItEnds) {
  Strings cache = make({.load_timeout = 1s});
  const auto held = std::make_shared<Held>();
  start(cache, "a", held);
  scheduler_->advance(2s);
  EXPECT_EQ(cache.stats().load_failures, 1U);
  EXPECT_EQ(cache.stats().loads_in_flight, 1U);
  held->answer("late");
  EXPECT_EQ(cache.stats().loads_in_flight, 0U);
}

TEST_F(CacheStatsTest, ChangesOfASharedTierAreSentAndReceived) {
  Strings a = make();
  Strings b = make();
  const auto sent = [&] { return a.stats().invalidations_sent; };
  a.set("k", "v", {.tags = {"red"}}).value();
  EXPECT_EQ(sent(), 1U);
  EXPECT_EQ(b.get("k"), "v");
  const std::uint64_t before = b.stats().invalidations_received;
  a.erase("k").value();
  EXPECT_EQ(sent(), 2U);
  EXPECT_EQ(b.stats().invalidations_received, before + 1);
  a.invalidate_tag("red").value();
  EXPECT_EQ(sent(), 3U);
  EXPECT_EQ(b.stats().invalidations_received, before + 2);
  a.invalidate_prefix("user:").value();
  a.clear().value();
  EXPECT_EQ(sent(), 5U);
  shared_->flush_all();
  EXPECT_EQ(b.stats().invalidations_received, before + 3);
  EXPECT_EQ(b.stats().invalidations_sent, 0U);
  shared_->set("other:k", "v", {}, no_deadline, [](const Result<void>&) {});
  EXPECT_EQ(b.stats().invalidations_received, before + 3) << "another cache's key";
}

TEST_F(CacheStatsTest, AKeySoftlyInvalidatedIsSentOnce) {
  Strings a = make({.ttl = 1min, .grace = 1min});
  a.set("k", "v").value();
  a.invalidate({"k"}, {.soft = true}).value();
  EXPECT_EQ(a.stats().invalidations_sent, 2U);
}

TEST_F(CacheStatsTest, TellsWhetherTheWatchIsAlive) {
  Strings a = make({.max_staleness = 3s});
  EXPECT_EQ(a.stats().watching, true);
  EXPECT_EQ(a.stats().max_staleness, Duration(3s));
  shared_->break_watch();
  EXPECT_EQ(a.stats().watching, false);
  shared_->restore_watch();
  EXPECT_EQ(a.stats().watching, true);
  EXPECT_EQ(make({.consistency = Consistency::weak}).stats().watching, std::nullopt);
  EXPECT_EQ(make({.consistency = Consistency::strong}).stats().watching, std::nullopt);
}

TEST(CacheStatsThreads, CountersNeverGoBackwards) {
  Cache<std::string> cache({.ttl = 20ms, .ttl_jitter = 0, .grace = 1h}, {});
  cache.set("k", "v").value();
  while (cache.get("k")) {
  }
  // Memory finds the stale value and may not serve it: each find is counted as a hit, then taken back.
  std::atomic<bool> over = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!over) (void)cache.get("k");
    });
  }
  LevelStats last;
  for (int i = 0; i < 20'000; ++i) {
    const LevelStats now = cache.stats().levels[0];
    ASSERT_GE(now.hits, last.hits) << "as if the cache were made anew";
    ASSERT_GE(now.misses, last.misses);
    last = now;
  }
  over = true;
}

}  // namespace
}  // namespace terrace
