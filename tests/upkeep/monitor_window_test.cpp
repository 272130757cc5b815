#include <gtest/gtest.h>

#include <limits>

#include "upkeep/variables.hpp"
#include "upkeep/window.hpp"

namespace terrace::upkeep {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1000s};

/// Totals of a cache with one tier.
struct Totals {
  std::uint64_t memory_hits = 0, memory_misses = 0, tier_hits = 0, tier_misses = 0, tier_errors = 0;
  std::uint64_t loads = 0, load_failures = 0, joined = 0, writes = 0;

  [[nodiscard]] CacheStats stats() const {
    CacheStats out{
        .levels = {{.name = "memory", .hits = memory_hits, .misses = memory_misses},
                   {.name = "redis", .hits = tier_hits, .misses = tier_misses, .errors = tier_errors}}};
    out.loads = loads;
    out.load_failures = load_failures;
    out.joined = joined;
    out.writes = writes;
    return out;
  }
};

TEST(MonitorWindow, ForgetsWhatWasBeforeIt) {
  Window window(60s, 5s);
  Totals totals{.memory_hits = 1'000'000, .memory_misses = 10};  // years of good work
  window.add(start, totals.stats());
  for (int i = 1; i <= 12; ++i) {
    totals.memory_misses += 10;
    totals.tier_misses += 10;
    window.add(start + i * 5s, totals.stats());
  }
  const WindowStats seen = window.look(start + 60s, totals.stats());
  EXPECT_EQ(seen.requests, 120U);
  EXPECT_EQ(seen.misses, 120U);
  EXPECT_EQ(seen.hit_rate, 0);
  EXPECT_EQ(seen.span, 60s);
  EXPECT_EQ(seen.requests_per_second, 2);
  EXPECT_EQ(seen.now.levels[0].hits, 1'000'000U);
}

TEST(MonitorWindow, IsAsLongAsItIsMeantToBe) {
  Window window(60s, 5s);
  Totals totals;
  for (int i = 0; i <= 1000; ++i) {
    window.add(start + i * 5s, totals.stats());
    totals.memory_hits += 1;
  }
  EXPECT_EQ(window.size(), 13U);
  const TimePoint now = start + 5000s + 2s;  // between two samples
  EXPECT_EQ(window.look(now, totals.stats()).span, 62s);
  EXPECT_EQ(window.look(now, totals.stats()).hits, 13U);
}

TEST(MonitorWindow, ManyLooksDoNotFillIt) {
  Window window(60s, 5s);
  for (int i = 0; i < 100'000; ++i) window.add(start + i * 10ms, Totals{}.stats());
  EXPECT_LE(window.size(), 26U);
  EXPECT_GE(window.look(start + 1000s, Totals{}.stats()).span, 60s);
}

TEST(MonitorWindow, RatesOfNothingAreGood) {
  Window window(60s, 5s);
  window.add(start, Totals{.memory_misses = 100, .tier_errors = 100}.stats());
  const WindowStats seen = window.look(start, Totals{.memory_misses = 100, .tier_errors = 100}.stats());
  EXPECT_EQ(seen.requests, 0U);
  EXPECT_EQ(seen.hit_rate, 1);
  EXPECT_EQ(seen.miss_rate, 0);
  EXPECT_EQ(seen.error_rate, 0);
  EXPECT_EQ(seen.load_failure_rate, 0);
  EXPECT_EQ(seen.requests_per_second, 0);
}

TEST(MonitorWindow, EachReadCountsOnceWhateverLevelsItAsks) {
  Window window(60s, 5s);
  window.add(start, Totals{}.stats());
  const Totals totals{.memory_hits = 60,
                      .memory_misses = 40,
                      .tier_hits = 30,
                      .tier_misses = 8,
                      .tier_errors = 2,
                      .loads = 10,
                      .load_failures = 3};
  const WindowStats seen = window.look(start + 10s, totals.stats());
  EXPECT_EQ(seen.requests, 100U);
  EXPECT_EQ(seen.hits, 90U);
  EXPECT_EQ(seen.misses, 10U);
  EXPECT_DOUBLE_EQ(seen.hit_rate, 0.9);
  EXPECT_EQ(seen.errors, 5U);
  EXPECT_DOUBLE_EQ(seen.error_rate, 0.05);
  EXPECT_DOUBLE_EQ(seen.load_failure_rate, 0.3);
  ASSERT_EQ(seen.levels.size(), 2U);
  EXPECT_DOUBLE_EQ(seen.levels[0].hit_rate, 0.6);
  EXPECT_EQ(seen.levels[1].errors, 2U);
}

TEST(MonitorWindow, ReadsThatJoinAnotherAreNeitherHitNorMiss) {
  Window window(60s, 5s);
  window.add(start, Totals{}.stats());
  const Totals totals{.memory_hits = 10, .memory_misses = 90, .tier_misses = 10, .joined = 80};
  const WindowStats seen = window.look(start + 10s, totals.stats());
  EXPECT_EQ(seen.requests, 100U);
  EXPECT_DOUBLE_EQ(seen.hit_rate, 0.5);
}

TEST(MonitorWindow, ErrorsOfWritesCountAmongWrites) {
  Window window(60s, 5s);
  window.add(start, Totals{}.stats());
  CacheStats now = Totals{.writes = 15}.stats();
  now.erases = 5;
  now.write_failures = 10;
  const WindowStats seen = window.look(start + 10s, now);
  EXPECT_EQ(seen.writes, 20U);
  EXPECT_DOUBLE_EQ(seen.error_rate, 0.5);
}

TEST(MonitorWindow, ACacheMadeAnewBeginsAtZero) {
  Window window(60s, 5s);
  window.add(start, Totals{.memory_hits = 5000, .loads = 100}.stats());
  window.add(start + 5s, Totals{.memory_hits = 6000, .loads = 120}.stats());
  const CacheStats fresh = Totals{.memory_hits = 30, .memory_misses = 10, .loads = 7}.stats();
  for (const bool sampled : {false, true}) {
    if (sampled) window.add(start + 10s, fresh);
    const WindowStats seen = window.look(start + 10s, fresh);
    EXPECT_EQ(seen.requests, 40U) << sampled;
    EXPECT_EQ(seen.loads, 7U);
    EXPECT_EQ(seen.span, 5s);
  }
}

TEST(MonitorWindow, OtherLevelsAreAnotherCache) {
  Window window(60s, 5s);
  window.add(start, Totals{.memory_hits = 10}.stats());
  CacheStats other{.levels = {{.name = "memory", .hits = 50, .misses = 5}}};
  EXPECT_EQ(window.look(start + 1s, other).hits, 50U);
  other.levels.push_back({.name = "sqlite", .hits = 5});
  EXPECT_EQ(window.look(start + 1s, other).hits, 55U);
}

TEST(MonitorWindow, AHitThatTurnsOutAMissIsNoNewCache) {
  Window window(60s, 5s);
  window.add(start, Totals{.memory_hits = 1000, .memory_misses = 0}.stats());
  const WindowStats seen = window.look(start + 5s, Totals{.memory_hits = 995, .memory_misses = 15}.stats());
  EXPECT_EQ(seen.requests, 10U);
  EXPECT_EQ(seen.misses, 10U);
}

TEST(MonitorWindow, LoadTimesAreThoseOfTheWindow) {
  const auto with = [](std::uint64_t fast, std::uint64_t slow, std::uint64_t endless) {
    CacheStats out = Totals{}.stats();
    for (std::size_t i = 0; i < LatencyCounts::bounds.size(); ++i) {
      out.load_latency.up_to[i] =
          (LatencyCounts::bounds[i] >= 1ms ? fast : 0) + (LatencyCounts::bounds[i] >= 500ms ? slow : 0);
    }
    out.load_latency.count = fast + slow + endless;
    return out;
  };
  Window window(60s, 5s);
  window.add(start, with(1'000'000, 0, 0));
  EXPECT_EQ(window.look(start + 5s, with(1'000'000, 0, 0)).load_p99, 0s);
  const WindowStats seen = window.look(start + 5s, with(1'000'098, 2, 0));
  EXPECT_EQ(seen.load_p50, 1ms);
  EXPECT_EQ(seen.load_p99, 500ms);
  EXPECT_EQ(window.look(start + 5s, with(1'000'000, 0, 4)).load_p50, 20s);
}

TEST(MonitorFigure, IsForPeople) {
  EXPECT_EQ(figure(0.3123), "0.312");
  EXPECT_EQ(figure(999.4), "999");
  EXPECT_EQ(figure(999.7), "999.7");
  EXPECT_EQ(figure(1200), "1200");
  EXPECT_EQ(figure(std::numeric_limits<double>::infinity()), "inf");
}

}  // namespace
}  // namespace terrace::upkeep
