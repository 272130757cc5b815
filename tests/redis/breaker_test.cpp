#include "redis/breaker.hpp"

#include <gtest/gtest.h>

namespace terrace::redis {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = TimePoint{} + 100s;

TEST(Breaker, OpensAfterFailuresInARow) {
  Breaker breaker(3, 1s);
  breaker.on_failure(t0);
  breaker.on_failure(t0);
  breaker.on_success();
  breaker.on_failure(t0);
  breaker.on_failure(t0);
  EXPECT_TRUE(breaker.closed());
  breaker.on_failure(t0);
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  EXPECT_EQ(breaker.openings(), 1U);
  EXPECT_EQ(breaker.probe_at(), t0 + 1s);
}

TEST(Breaker, SendsOneProbeWhenTheTimeIsOver) {
  Breaker breaker(1, 1s);
  EXPECT_FALSE(breaker.begin_probe(t0));
  breaker.on_failure(t0);
  EXPECT_FALSE(breaker.begin_probe(t0 + 999ms));
  EXPECT_TRUE(breaker.begin_probe(t0 + 1s));
  EXPECT_FALSE(breaker.begin_probe(t0 + 10s)) << "one probe at a time";
  EXPECT_FALSE(breaker.closed());
  breaker.probe_failed(t0 + 2s);
  EXPECT_FALSE(breaker.begin_probe(t0 + 2s));
  EXPECT_TRUE(breaker.begin_probe(t0 + 3s));
  breaker.probe_succeeded();
  EXPECT_TRUE(breaker.closed());
  EXPECT_EQ(breaker.openings(), 1U) << "a failed probe opens nothing anew";
}

TEST(Breaker, LateResultsOfOperationsDoNotMoveIt) {
  Breaker breaker(1, 1s);
  breaker.on_failure(t0);
  breaker.on_success();
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  breaker.on_failure(t0 + 900ms);
  EXPECT_EQ(breaker.probe_at(), t0 + 1s) << "stragglers do not put the probe off";
  ASSERT_TRUE(breaker.begin_probe(t0 + 1s));
  breaker.on_success();
  EXPECT_EQ(breaker.state(), Breaker::State::half_open);
}

TEST(Breaker, StartsCountingAnewWhenItCloses) {
  Breaker breaker(2, 1s);
  breaker.on_failure(t0);
  breaker.on_failure(t0);
  ASSERT_TRUE(breaker.begin_probe(t0 + 1s));
  breaker.probe_succeeded();
  breaker.on_failure(t0 + 1s);
  EXPECT_TRUE(breaker.closed());
}

}  // namespace
}  // namespace terrace::redis
