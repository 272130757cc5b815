#include <set>

#include "cascade/fixture.hpp"
#include "envelope/envelope.hpp"

namespace terrace {
namespace {

class FreshnessTest : public CascadeTest {};

TEST_F(FreshnessTest, AnEntryExpiresOnEveryLevelAtTheSameTime) {
  auto cache = make({.ttl = 10s, .ttl_jitter = 0});
  cache.set("k", "v").value();
  scheduler_->advance(10s - 1ms);
  EXPECT_EQ(cache.get("k"), "v");
  scheduler_->advance(1ms);
  EXPECT_EQ(cache.get("k"), std::nullopt);
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_FALSE(in_map(lower_map_, "k"));
}

TEST_F(FreshnessTest, F51_TheRemainingLifeTravelsUpward) {
  make({.ttl = 50ms, .ttl_jitter = 0}).set("k", "v").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  scheduler_->advance(30ms);
  auto cache = make_other();
  EXPECT_EQ(cache.lookup("k").remaining, 20ms);
  EXPECT_EQ(cache.lookup("k").level, "memory");
  EXPECT_EQ(cache.lookup("k").age, 30ms);
  scheduler_->advance(20ms);
  EXPECT_EQ(cache.get("k"), std::nullopt) << "a copy in memory must not outlive its origin";
  EXPECT_FALSE(in_map(upper_map_, "k"));
}

/// Within the tolerance for clocks.
TEST_F(FreshnessTest, NoEntryHasMoreLeftThanItWasGiven) {
  scheduler_->fake_clock().step_wall(900ms);  // the writer's clock is ahead of the reader's
  make({.ttl = 60s, .ttl_jitter = 0, .grace = 30s}).set("k", "v").value();
  scheduler_->fake_clock().step_wall(-900ms);
  auto cache = make_other();
  EXPECT_EQ(cache.lookup("k").remaining, 60s);
  EXPECT_EQ(cache.lookup("k").age, 0s);
  scheduler_->advance(59s);
  EXPECT_EQ(cache.lookup("k").remaining, 1s) << "in memory it ends in time";
}

/// Its age is unknown, so it may have expired. Before, it was fresh for its whole TTL with each read.
TEST_F(FreshnessTest, AnEntryFromTheFutureIsNotFresh) {
  for (const bool grace : {false, true}) {
    SCOPED_TRACE(grace ? "with grace" : "without grace");
    auto writer = make({.ttl = 3s, .ttl_jitter = 0, .grace = grace ? Duration(1min) : Duration::zero()});
    writer.set("k", "old").value();
    scheduler_->fake_clock().step_wall(-1h);  // the reader's clock is an hour behind
    auto cache = make_other();
    EXPECT_EQ(cache.get("k"), std::nullopt);
    EXPECT_EQ(cache.get_or_load("k", [] { return std::string("new"); }).value(), "new");
    cache.erase("k").value();
    scheduler_->fake_clock().step_wall(1h);
    writer.set("k", "old").value();
    scheduler_->fake_clock().step_wall(-1h);
    const auto kept = cache.get_or_load("k", []() -> std::string { throw std::runtime_error("away"); });
    EXPECT_EQ(kept.has_value(), grace) << "a stale copy is better than an error, where grace allows it";
    scheduler_->fake_clock().step_wall(1h);
    writer.erase("k").value();
  }
}

TEST_F(FreshnessTest, StoredTimesOfAnyValueAreSafe) {
  using std::chrono::milliseconds;
  constexpr WallTime dawn{milliseconds::min()}, dusk{milliseconds::max()};
  const std::string payload = cascade::TypedMemory<std::string>({.scheduler = scheduler_})
                                  .encode(std::make_unique<std::string>("v").get())
                                  .value()
                                  .payload;
  for (const WallTime created : {dawn, WallTime{}, dusk}) {
    for (const WallTime fresh_until : {dawn, WallTime{}, dusk}) {
      const envelope::EnvelopeMeta meta{.created = created,
                                        .fresh_until = fresh_until,
                                        .grace = 1h,
                                        .codec = Codec<std::string>::id,
                                        .schema = Codec<std::string>::schema};
      const Bytes stored = envelope::wrap("default", "k", meta, payload, {}, nullptr);
      upper_map_->set("default:k", stored, std::nullopt, no_deadline, [](const Result<void>&) {});
      auto cache = make({.ttl = 10s, .ttl_jitter = 0, .eager_refresh = 0.5});
      EXPECT_EQ(cache.get("k").has_value(), fresh_until == dusk && created != dusk) << "not from the future";
      EXPECT_GE(cache.lookup("k").age, 0s);
    }
  }
}

TEST_F(FreshnessTest, WritesAndLoadersMayGiveTheirOwnTtl) {
  auto cache = make({.ttl = 10s, .ttl_jitter = 0});
  cache.set("k", "v", {.ttl = 1h}).value();
  EXPECT_EQ(cache.lookup("k").remaining, 1h);
  (void)cache.get_or_load("l", [] { return Load<std::string>{.value = "v", .ttl = 2s}; });
  EXPECT_EQ(cache.lookup("l").remaining, 2s);
}

TEST_F(FreshnessTest, ALoadedTtlOfZeroOrLessAnswersAndKeepsNothing) {
  auto cache = make({.ttl = 10s, .negative_ttl = 10s, .ttl_jitter = 0});
  int calls = 0;
  for (const Duration ttl : {Duration(0s), Duration(-1h)}) {
    const auto found = cache.lookup_or_load("k", [&] {
      ++calls;
      return Load<std::string>{.value = "v", .ttl = ttl};
    });
    EXPECT_EQ(found.kind, LookupKind::hit);
    EXPECT_EQ(*found.value, "v");
    EXPECT_FALSE(cache.get("k"));
    const auto none = cache.lookup_or_load("none", [&] { return Load<std::string>{.ttl = ttl}; });
    EXPECT_EQ(none.kind, LookupKind::negative);
    EXPECT_EQ(cache.lookup("none").kind, LookupKind::miss);
  }
  EXPECT_EQ(calls, 2);
}

TEST_F(FreshnessTest, MemoryMayKeepEntriesForLess) {
  auto cache = make({.ttl = 10s, .memory_ttl = 2s, .ttl_jitter = 0});
  cache.set("k", "v").value();
  scheduler_->advance(2s);
  EXPECT_EQ(cache.lookup("k").level, "map");
  EXPECT_EQ(cache.lookup("k").level, "memory");
  scheduler_->advance(8s);
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_F(FreshnessTest, JitterShortensEachLifeByAShareOfItsOwnAndNeverLengthensOne) {
  auto cache = make({.ttl = 100s, .ttl_jitter = 0.2});
  std::set<Duration> lives;
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::to_string(i);
    cache.set(key, "v").value();
    const Duration life = *cache.lookup(key).remaining;
    EXPECT_GT(life, 80s - 1s);
    EXPECT_LE(life, 100s);
    lives.insert(life);
    upper_map_->erase("default:" + key, no_deadline, [](const Result<bool>&) {});
  }
  EXPECT_GT(lives.size(), 90U);
}

TEST_F(FreshnessTest, F27_StepsOfTheWallClockNeitherReviveNorKill) {
  auto cache = make({.ttl = 10min, .ttl_jitter = 0});
  cache.set("k", "v").value();
  scheduler_->fake_clock().step_wall(1h);
  EXPECT_EQ(cache.get("k"), "v");
  scheduler_->fake_clock().step_wall(-2h);
  scheduler_->advance(10min);
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_F(FreshnessTest, GraceForEverIsKeptInEveryTier) {
  for (const Duration grace : {Duration::max(), Duration::max() - 1ms, Duration::max() - 1h}) {
    make({.ttl = 10s, .ttl_jitter = 0, .grace = grace}).set("k", "v").value();
    auto cache = make_other();
    EXPECT_EQ(cache.lookup("k").remaining, 10s);
    scheduler_->advance(24h);
    const auto stale = cache.get_or_load("k", []() -> std::string { throw std::runtime_error("away"); });
    EXPECT_EQ(stale.value(), "v");
    EXPECT_EQ(cache.stats().levels[1].unreadable, 0U);
  }
}

}  // namespace
}  // namespace terrace
