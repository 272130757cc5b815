#include "redis/breaker.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace terrace::redis {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = TimePoint{} + 100s;

TEST(Breaker, OpensAfterFailuresInARow) {
  Breaker breaker(3, 1s);
  breaker.on_failure(t0);
  breaker.on_failure(t0);
  breaker.on_success(t0);
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
  breaker.on_success(t0);
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  breaker.on_failure(t0 + 900ms);
  EXPECT_EQ(breaker.probe_at(), t0 + 1s) << "stragglers do not put the probe off";
  ASSERT_TRUE(breaker.begin_probe(t0 + 1s));
  breaker.on_success(t0);
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

/// Operations one after the other, `each` apart; every `nth` fails. The index of the one that opened the
/// breaker; none: none did.
std::optional<int> opens(Breaker& breaker, int operations, int nth, Duration each, TimePoint& now) {
  for (int i = 1; i <= operations; ++i, now += each) {
    if (i % nth != 0) {
      breaker.on_success(now);
    } else {
      breaker.on_failure(now);
    }
    if (!breaker.closed()) return i;
  }
  return std::nullopt;
}

TEST(Breaker, F38_OpensWhenAShareOfTheOperationsFails) {
  Breaker breaker(5, 1s);
  TimePoint now = t0;
  EXPECT_EQ(opens(breaker, 1000, 5, 10ms, now), 25) << "a fifth: at the fifth failure";
  EXPECT_EQ(breaker.openings(), 1U);
  EXPECT_EQ(breaker.why(), "5 of 25 operations within 10 s timed out");
  Breaker sixth(3, 1s);
  now = t0;
  EXPECT_EQ(opens(sixth, 1000, 6, 10ms, now), 24) << "not before 20 operations";
  EXPECT_EQ(sixth.why(), "4 of 24 operations within 10 s timed out");
}

TEST(Breaker, F38_BearsASmallerShare) {
  Breaker breaker(5, 1s);
  TimePoint now = t0;
  EXPECT_EQ(opens(breaker, 100'000, 7, 1ms, now), std::nullopt) << "14 %";
}

TEST(Breaker, F38_LooksAtTheLastTenSecondsOnly) {
  Breaker breaker(5, 1s);
  TimePoint now = t0;
  EXPECT_EQ(opens(breaker, 1'000'000, 1'000'001, 1ms, now), std::nullopt);
  now += 10s;
  EXPECT_EQ(opens(breaker, 1000, 5, 10ms, now), 25) << "a million good ones are forgotten";
  Breaker slow(5, 1s);
  now = t0;
  EXPECT_EQ(opens(slow, 1000, 2, 1s, now), std::nullopt) << "never 20 operations within 10 s";
}

TEST(Breaker, F38_AlwaysNeedsItsNumberOfFailures) {
  Breaker breaker(1000, 1s);
  TimePoint now = t0;
  EXPECT_EQ(opens(breaker, 1000, 2, 1ms, now), std::nullopt);
}

TEST(Breaker, F38_AnIllServerMustAnswerManyProbesInARow) {
  Breaker breaker(5, 1s);
  TimePoint now = t0;
  ASSERT_TRUE(opens(breaker, 1000, 5, 10ms, now));
  const auto probe = [&] {
    now = breaker.probe_at();
    ASSERT_NE(now, no_deadline);
    ASSERT_FALSE(breaker.begin_probe(now - 1ns));
    ASSERT_TRUE(breaker.begin_probe(now));
    ASSERT_FALSE(breaker.begin_probe(now + 1h)) << "one at a time";
  };
  const TimePoint opened = now;
  for (unsigned i = 1; i < Breaker::trial_probes; ++i) {
    probe();
    breaker.probe_succeeded();
    ASSERT_FALSE(breaker.closed()) << i;
  }
  probe();
  breaker.probe_failed(now);
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  EXPECT_EQ(breaker.probe_at(), now + 1s);
  EXPECT_EQ(breaker.openings(), 1U);
  for (unsigned i = 0; i < Breaker::trial_probes; ++i) {
    ASSERT_FALSE(breaker.closed()) << i;
    probe();
    breaker.probe_succeeded();
  }
  EXPECT_TRUE(breaker.closed());
  EXPECT_GE(now - opened, 3900ms) << "two waits and two trials of open_time";
  EXPECT_EQ(opens(breaker, 24, 5, 10ms, now), std::nullopt) << "it begins to count again";
}

TEST(Breaker, ANewConnectionClosesIt) {
  Breaker breaker(1, 1s);
  breaker.on_failure(t0);
  ASSERT_TRUE(breaker.begin_probe(t0 + 1s));
  breaker.reconnected();
  EXPECT_TRUE(breaker.closed());
  breaker.probe_succeeded();  // of the old connection
  breaker.probe_failed(t0 + 1s);
  EXPECT_TRUE(breaker.closed());
}

}  // namespace
}  // namespace terrace::redis
