#include <terrace/scheduler.hpp>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

using Numbers = Checked<int, int>;

class Expiry : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  MemoryOptions<int, int> options_ = small_options<int, int>(1000, Eviction::s3fifo, clock_);
};

TEST_F(Expiry, AnEntryIsServedUntilItsTimeAndNotOneNanosecondLonger) {
  options_.ttl = 10s;
  Numbers cache(options_);
  cache.set(1, 1);
  cache.set(2, 2, {.ttl = 1ns});
  EXPECT_EQ(cache.get(2), 2);
  clock_.advance(1ns);
  EXPECT_EQ(cache.get(2), std::nullopt);
  clock_.advance(10s - 2ns);
  EXPECT_EQ(cache.get(1), 1);
  clock_.advance(1ns);
  EXPECT_EQ(cache.get(1), std::nullopt);
  EXPECT_EQ(cache.inspect(1), std::nullopt);
  EXPECT_EQ(cache.stats().expired, 2U);
}

TEST_F(Expiry, ATimeThatHasRunOutIsNotForEver) {
  Numbers cache(options_);
  cache.set(1, 1);
  EXPECT_FALSE(cache.set(1, 2, {.ttl = 0s}));
  EXPECT_EQ(cache.get(1), std::nullopt);
  EXPECT_FALSE(cache.set(1, 3, {.ttl = -5s}));
  EXPECT_FALSE(cache.set(1, 3, {.expire_after_access = 0s}));
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.stats().rejected, 3U);
}

TEST_F(Expiry, AnEntryOverridesTheCacheAlsoWithForEver) {
  options_.ttl = 1s;
  Numbers cache(options_);
  cache.set(1, 1, {.ttl = Duration::max()});
  cache.set(2, 2, {.ttl = 2s});
  cache.set(3, 3);
  clock_.advance(1s);
  EXPECT_EQ(cache.get(3), std::nullopt);
  EXPECT_EQ(cache.get(2), 2);
  clock_.advance(24h * 365 * 200);
  EXPECT_EQ(cache.get(2), std::nullopt);
  EXPECT_EQ(cache.get(1), 1);
}

TEST_F(Expiry, AccessesProlongButNotBeyondTheTtl) {
  options_.ttl = 10s;
  options_.expire_after_access = 3s;
  Numbers cache(options_);
  cache.set(1, 1);
  cache.set(2, 2);
  for (int i = 0; i < 4; ++i) {
    clock_.advance(2s);
    EXPECT_EQ(cache.get(1), 1);
  }
  EXPECT_EQ(cache.get(2), std::nullopt);
  EXPECT_EQ(cache.purge_expired(), 0U);
  clock_.advance(2s);
  EXPECT_EQ(cache.get(1), std::nullopt);
}

TEST_F(Expiry, ANewValueHasItsOwnTime) {
  Numbers cache(options_);
  cache.set(1, 1, {.ttl = 1s});
  cache.set(1, 2);
  cache.set(2, 1);
  cache.set(2, 2, {.ttl = 1s});
  clock_.advance(1s);
  EXPECT_EQ(cache.purge_expired(), 1U);
  EXPECT_EQ(cache.get(1), 2);
  EXPECT_EQ(cache.get(2), std::nullopt);
}

TEST_F(Expiry, EntriesLeaveUnreadOnPurgeExactly) {
  Numbers cache(options_);
  for (int i = 1; i <= 500; ++i) cache.set(i, i, {.ttl = i * 1ms});
  clock_.advance(100ms);
  EXPECT_EQ(cache.purge_expired(), 100U);
  EXPECT_EQ(cache.size(), 400U);
  EXPECT_EQ(cache.purge_expired(), 0U);
  clock_.advance(400ms);
  EXPECT_EQ(cache.purge_expired(), 400U);
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(Expiry, EntriesLeaveUnreadOnLaterWrites) {
  Numbers cache(options_);
  for (int i = 0; i < 100; ++i) cache.set(i, i, {.ttl = 1s});
  clock_.advance(2s);
  for (int i = 0; i < 20; ++i) cache.set(1000, i);
  EXPECT_EQ(cache.size(), 1U);
}

TEST_F(Expiry, TheSharedThreadSweepsUnreadEntriesAndEndsWithTheLastCache) {
  for (int round = 0; round < 3; ++round) {
    Latch swept;
    options_.sweep_interval = 1ms;
    options_.listener = [&](int key, int, RemovalCause cause) {
      EXPECT_EQ(cause, RemovalCause::expired);
      if (key == 1) swept.open();
    };
    Numbers first(options_);
    Numbers second(small_options<int, int>(10, Eviction::lru, clock_));
    first.set(1, 1, {.ttl = 1min});
    second.set(1, 1, {.ttl = 1min});
    clock_.advance(2min);
    EXPECT_TRUE(swept.wait_until(system_clock().now() + 30s));
    EXPECT_EQ(first.stats().entries, 0U);
    EXPECT_EQ(second.stats().entries, 1U) << "it was made without a sweeping thread";
  }
}

TEST_F(Expiry, AStepOfTheWallClockChangesNothing) {
  Numbers cache(options_);
  cache.set(1, 1, {.ttl = 1min});
  clock_.step_wall(1h);
  EXPECT_EQ(cache.get(1), 1);
  clock_.step_wall(-2h);
  clock_.advance(1min);
  EXPECT_EQ(cache.get(1), std::nullopt);
}

TEST(ExpirySystemClock, ShortTimesHoldOnTheCoarseClock) {
  Numbers cache(small_options<int, int>(10));
  for (int i = 0; i < 200; ++i) {
    const TimePoint before = system_clock().now();
    cache.set(1, i, {.ttl = 200us});
    const bool found = cache.get(1).has_value();
    const TimePoint after = system_clock().now();
    if (found) continue;
    EXPECT_GE(after - before, 200us) << "expired too early";
  }
  cache.set(1, 1, {.ttl = 1ms});
  const TimePoint stored = system_clock().now();
  for (TimePoint asked = stored; asked < stored + 20ms; asked = system_clock().now()) {
    const bool found = cache.get(1).has_value();
    EXPECT_FALSE(found && asked >= stored + 1ms) << "served too long";
  }
}

}  // namespace
}  // namespace terrace::memory
