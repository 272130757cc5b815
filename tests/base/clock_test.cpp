#include <gtest/gtest.h>

#include <terrace/clock.hpp>
#include <terrace/testing.hpp>
#include <vector>

#include "base/forward_wall.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

TEST(SystemClock, IsMonotonicAndCoarseStaysBehindByATickAtMost) {
  const Clock& clock = system_clock();
  TimePoint last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint coarse = clock.coarse_now();
    const TimePoint now = clock.now();
    EXPECT_GE(now, last);
    EXPECT_LE(coarse, now);
    last = now;
  }
}

TEST(After, SaturatesInsteadOfWrapping) {
  const TimePoint now = system_clock().now();
  EXPECT_EQ(after(now, Duration::max()), no_deadline);
  EXPECT_EQ(after(now, 1s), now + 1s);
  // What expired before the machine was started lies before the clock's zero.
  static_assert(after(TimePoint{-1h}, 1s) == TimePoint{-1h + 1s});
  static_assert(after(TimePoint::min(), Duration::max()) < no_deadline);
}

/// Before, a process kept the wall clock of its start: one that began before NTP had set the clock never agreed
/// with those that began later.
TEST(ForwardWall, FollowsAStepForwardAndNoneBack) {
  ForwardWall wall;
  using System = std::chrono::sys_time<Duration>;
  const TimePoint start{1h};
  const System wrong{Duration(2h)};
  EXPECT_EQ(wall.at(wrong, start), WallTime(2h));
  EXPECT_EQ(wall.at(wrong + 1s, start + 1s), WallTime(2h + 1s));
  EXPECT_EQ(wall.at(wrong + 2s + 168h, start + 2s), WallTime(2h + 2s + 168h)) << "set by NTP, or suspended";
  EXPECT_EQ(wall.at(wrong + 3s, start + 3s), WallTime(2h + 3s + 168h)) << "set back";
  EXPECT_EQ(wall.at(wrong + 4s + 168h, start + 5s), WallTime(2h + 5s + 168h)) << "read late";
}

TEST(FakeClock, WallStepsLeaveTheMonotonicReadingAlone) {
  testing::FakeClock clock;
  const TimePoint now = clock.now();
  const WallTime wall = clock.wall_now();
  clock.step_wall(-1h);
  EXPECT_EQ(clock.now(), now);
  EXPECT_EQ(clock.wall_now(), wall - 1h);
  clock.advance(5s);
  EXPECT_EQ(clock.now(), now + 5s);
  EXPECT_EQ(clock.wall_now(), wall - 1h + 5s);
}

TEST(FakeScheduler, RunsTimersInOrderAndNotTheCancelled) {
  testing::FakeScheduler scheduler;
  const TimePoint start = scheduler.clock().now();
  std::vector<int> order;
  scheduler.call_at(start + 2s, [&] { order.push_back(2); });
  scheduler.call_at(start + 1s, [&] { order.push_back(1); });
  const auto cancelled = scheduler.call_at(start + 1s, [&] { order.push_back(-1); });
  scheduler.call_at(start + 3s, [&] { order.push_back(3); });
  EXPECT_TRUE(scheduler.cancel(cancelled));
  EXPECT_FALSE(scheduler.cancel(cancelled));
  scheduler.advance(2s);
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(scheduler.pending_timers(), 1U);
}

TEST(FakeScheduler, WaitMovesTheClockToWhatOpensTheLatchOrToTheDeadline) {
  testing::FakeScheduler scheduler;
  const TimePoint start = scheduler.clock().now();
  Latch opened;
  scheduler.call_at(start + 10s, [&] { opened.open(); });
  EXPECT_TRUE(scheduler.wait(opened, start + 1min));
  EXPECT_EQ(scheduler.clock().now(), start + 10s);
  Latch never;
  EXPECT_FALSE(scheduler.wait(never, start + 20s));
  EXPECT_EQ(scheduler.clock().now(), start + 20s);
}

}  // namespace
}  // namespace terrace
