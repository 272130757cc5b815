#include "redis/breaker.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/backoff.hpp"

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

TEST(Backoff, JittersUnderADoublingBoundUpToTheCap) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Duration most[12]{};
  for (unsigned run = 0; run < 300; ++run) {
    Backoff backoff(10ms, 1s, seed + run);
    for (unsigned attempt = 0; attempt < 12; ++attempt) {
      const auto wait = backoff.next();
      ASSERT_GE(wait, 0s);
      ASSERT_LE(wait, std::min<Duration>(1s, 10ms * (1 << attempt)));
      most[attempt] = std::max(most[attempt], wait);
    }
    ASSERT_GE(backoff.slow(), 500ms);
    backoff.reset();
    ASSERT_LE(backoff.next(), 10ms);
  }
  for (unsigned attempt = 0; attempt < 12; ++attempt) {
    EXPECT_GT(most[attempt], std::min<Duration>(1s, 10ms * (1 << attempt)) / 2) << "attempt " << attempt;
  }
}

}  // namespace
}  // namespace terrace::redis
