#include <gtest/gtest.h>

#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>

namespace terrace {
namespace {

using namespace std::chrono_literals;

class MovableSchedulerTest : public ::testing::Test {
 protected:
  const std::shared_ptr<testing::MovableClock> clock_ = std::make_shared<testing::MovableClock>();
  const std::shared_ptr<Runtime> runtime_ = std::make_shared<Runtime>();
  const std::shared_ptr<testing::MovableScheduler> scheduler_ =
      std::make_shared<testing::MovableScheduler>(runtime_, clock_);
};

TEST_F(MovableSchedulerTest, TimersRunWhenTheClockIsMovedToThem) {
  Latch due;
  std::atomic<bool> early{false};
  scheduler_->call_at(scheduler_->clock().now() + 1h, [&] { due.open(); });
  const auto later = scheduler_->call_at(scheduler_->clock().now() + 3h, [&] { early = true; });
  scheduler_->advance(30min);
  EXPECT_FALSE(due.is_open());
  scheduler_->advance(31min);
  EXPECT_TRUE(scheduler_->wait(due, no_deadline));
  EXPECT_TRUE(scheduler_->cancel(later));
  EXPECT_FALSE(scheduler_->cancel(later));
  EXPECT_FALSE(early);
}

TEST_F(MovableSchedulerTest, TheyRunByThemselvesAsWell) {
  scheduler_->advance(1h);
  Latch due, never;
  scheduler_->call_at(scheduler_->clock().now() + 20ms, [&] { due.open(); });
  EXPECT_TRUE(scheduler_->wait(due, no_deadline));
  EXPECT_FALSE(scheduler_->wait(never, scheduler_->clock().now() + 20ms));
}

TEST_F(MovableSchedulerTest, BothReadingsMove) {
  const auto wall = clock_->wall_now();
  const auto now = clock_->now();
  scheduler_->advance(1h);
  EXPECT_GE(clock_->wall_now() - wall, 1h);
  EXPECT_GE(clock_->now() - now, 1h);
  EXPECT_GE(clock_->coarse_now() - now, 1h - 10ms);
}

}  // namespace
}  // namespace terrace
