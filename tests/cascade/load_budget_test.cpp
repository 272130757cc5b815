/// Limits for the origin: loader calls in a second (max_loads_per_second), and pauses after errors (error_ttl).

#include "cascade/load_budget.hpp"

#include "cascade/shared_fixture.hpp"
#include "support/seed.hpp"

namespace terrace {
namespace {

using cascade::TokenBucket;

TEST(TokenBucket, NeverGivesMoreThanTheRateAndATenthOfIt) {
  const auto seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    const double rate = static_cast<double>(1 + random() % 1000) / 2;
    TimePoint now = TimePoint{} + 1h;
    TokenBucket bucket(rate, now);
    std::vector<TimePoint> given;
    for (int i = 0; i < 2000; ++i) {
      now += std::chrono::microseconds(random() % 20000);
      if (random() % 50 == 0) now += std::chrono::seconds(random() % 30);
      while (bucket.take(now)) given.push_back(now);
      const TimePoint next = bucket.next(now);
      ASSERT_GT(next, now);
      ASSERT_LE(next - now, std::chrono::duration<double>(1 / rate) + 1us);
    }
    for (std::size_t first = 0, last = 0; last < given.size(); ++last) {
      while (given[last] - given[first] > 1s) ++first;
      ASSERT_LE(static_cast<double>(last - first + 1), rate + std::max(1.0, rate / 10) + 1) << rate;
    }
  }
}

TEST(TokenBucket, WhatIsOwedDelaysTheOthers) {
  TimePoint now = TimePoint{} + 1h;
  TokenBucket bucket(10, now);
  for (int i = 0; i < 11; ++i) bucket.owe(now);
  EXPECT_FALSE(bucket.take(now));
  EXPECT_EQ(bucket.next(now), now + 1100ms);
  EXPECT_TRUE(bucket.take(now + 1100ms));
}

TEST(TokenBucket, TheDebtOfNestedLoadsIsAtMostThatOfASecond) {
  const TimePoint now = TimePoint{} + 1h;
  TokenBucket bucket(10, now);
  for (int i = 0; i < 10'000; ++i) bucket.owe(now);
  EXPECT_LE(bucket.next(now), now + 1100ms);
}

class LoadBudgetTest : public SharedTest {};

TEST_F(LoadBudgetTest, TheOriginNeverSeesMoreAndTheMostWantedKeysComeFirst) {
  Strings a = make({.max_entries = 20'000, .load_timeout = 200s, .max_loads_per_second = 100});
  std::vector<TimePoint> calls;
  std::vector<std::string> order;
  const auto load = [&](std::string_view key) {
    calls.push_back(scheduler_->clock().now());
    order.emplace_back(key);
    return std::string("v");
  };
  struct Now final : cascade::Loader {
    explicit Now(std::function<std::string(std::string_view)> f) : load_one(std::move(f)) {}
    [[nodiscard]] bool blocks() const noexcept override { return false; }
    void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
      done({cascade::loaded<std::string>(load_one(request.keys.front()))});
    }
    std::function<std::string(std::string_view)> load_one;
  };
  const auto loader = std::make_shared<Now>(load);
  std::vector<Later> answers;
  const auto ask = [&](const std::string& key) {
    auto later = std::make_shared<std::optional<cascade::Answer>>();
    detail::CacheAccess::engine(a).read(
        {key}, loader, {}, [later](std::vector<cascade::Answer> got) { *later = std::move(got.front()); });
    answers.push_back(later);
  };
  constexpr int keys = 10'000;
  for (int i = 0; i < keys; ++i) ask("k" + std::to_string(i));
  for (int i = 9'000; i < 9'100; ++i) {
    for (int reader = 0; reader < 3; ++reader) ask("k" + std::to_string(i));  // the hot ones came late
  }
  EXPECT_GT(a.stats().loads_waiting, 9'900U);
  scheduler_->advance(150s);
  EXPECT_EQ(order.size(), static_cast<std::size_t>(keys));
  for (const Later& answer : answers) ASSERT_EQ(text(answer), "v");
  EXPECT_EQ(a.stats().loads_waiting, 0U);
  for (std::size_t first = 0, last = 0; last < calls.size(); ++last) {
    while (calls[last] - calls[first] >= 1s) ++first;
    ASSERT_LE(last - first + 1, 110U);
  }
  for (std::size_t i = 10; i < 110; ++i) {
    const int number = std::stoi(order[i].substr(1));
    EXPECT_TRUE(number >= 9'000 && number < 9'100) << order[i];
  }
}

TEST_F(LoadBudgetTest, AStaleValueIsServedAtOnceAndRefreshedWhenTheBudgetAllowsIt) {
  Strings a = make({.ttl = 10s, .grace = 1h, .retry_after = 100ms, .max_loads_per_second = 1});
  for (int i = 0; i < 5; ++i) a.set("k" + std::to_string(i), "old").value();
  scheduler_->advance(11s);
  int calls = 0;
  const auto load = [&] {
    ++calls;
    return std::string("new");
  };
  for (int i = 0; i < 100; ++i) {
    for (int key = 0; key < 5; ++key) {
      const auto found = a.lookup_or_load("k" + std::to_string(key), load);
      ASSERT_TRUE(found.value);
      ASSERT_TRUE(found.kind == LookupKind::stale || *found.value == "new");
    }
    EXPECT_LE(calls, 1 + i / 10);
    scheduler_->advance(100ms);
  }
  EXPECT_GE(calls, 5);
  EXPECT_EQ(a.stats().loads_waiting, 0U);
}

TEST_F(LoadBudgetTest, ALoadThatNobodyWaitsForTakesNothingFromTheBudget) {
  Strings a = make({.max_loads_per_second = 1});
  const auto first = std::make_shared<Held>();
  start(a, "1", first);
  const auto given_up = std::make_shared<Held>();
  const Later gone = start(a, "2", given_up, {.timeout = 100ms});
  const auto third = std::make_shared<Held>();
  start(a, "3", third);
  scheduler_->advance(1s);
  EXPECT_EQ((*gone)->error, Errc::timed_out);
  EXPECT_EQ(given_up->calls, 0);
  EXPECT_EQ(third->calls, 1);
  first->answer("v");
  third->answer("v");
}

TEST_F(LoadBudgetTest, TimeInTheQueueCountsAndEndsInWords) {
  Strings a = make({.load_timeout = 2s, .max_loads_per_second = 0.1});
  const auto first = std::make_shared<Held>();
  const auto late = std::make_shared<Held>();
  start(a, "1", first);
  const Later answer = start(a, "2", late);
  scheduler_->advance(2s);
  EXPECT_EQ((*answer)->error, Errc::timed_out);
  scheduler_->advance(1min);
  EXPECT_EQ(late->calls, 0);
  EXPECT_EQ(a.stats().loads_waiting, 0U);
  first->answer("v");
}

TEST_F(LoadBudgetTest, ANestedLoadDoesNotWaitForTheBudget) {
  Strings a = make({.max_loads_per_second = 0.01});
  EXPECT_EQ(
      a.get_or_load("outer", [&] { return a.get_or_load("inner", [] { return std::string("v"); }).value(); })
          .value(),
      "v");
}

using ErrorTtlTest = SharedTest;

TEST_F(ErrorTtlTest, AnErrorIsRememberedForAPauseBetweenHalfOfItAndAll) {
  Strings a = make({.error_ttl = 10s});
  int calls = 0;
  const auto failing = [&]() -> std::string {
    ++calls;
    throw std::runtime_error("origin down");
  };
  for (int i = 0; i < 100; ++i) {
    const auto found = a.lookup_or_load("k", failing);
    EXPECT_EQ(found.error, Errc::loader_failed);
    EXPECT_EQ(found.error.context, "origin down");
    EXPECT_TRUE(found.error.cause) << "callers still get the exception";
  }
  EXPECT_EQ(calls, 1);
  scheduler_->advance(4900ms);
  (void)a.lookup_or_load("k", failing);
  EXPECT_EQ(calls, 1);
  scheduler_->advance(5200ms);
  (void)a.lookup_or_load("k", failing);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(a.get_or_load("other", [] { return std::string("v"); }).value(), "v")
      << "keys pause by themselves";
}

TEST_F(ErrorTtlTest, AValueThatComesMeanwhileOrAnEraseEndsThePause) {
  Strings a = make({.error_ttl = 10s});
  Strings b = make({.error_ttl = 10s});
  (void)a.lookup_or_load("k", failing());
  b.set("k", "set elsewhere").value();
  EXPECT_EQ(a.get_or_load("k", failing()).value(), "set elsewhere");
  (void)a.lookup_or_load("e", failing());
  a.erase("e").value();
  EXPECT_EQ(a.get_or_load("e", [] { return std::string("v"); }).value(), "v");
  (void)a.lookup_or_load("c", failing());
  a.clear().value();
  EXPECT_EQ(a.get_or_load("c", [] { return std::string("v"); }).value(), "v");
}

TEST_F(ErrorTtlTest, TheStaleValueIsBetterAndTheProcessesThatWaitedPauseToo) {
  Strings a = make({.ttl = 10s, .grace = 1min, .error_ttl = 30s});
  a.set("k", "old").value();
  scheduler_->advance(11s);
  EXPECT_EQ(a.lookup_or_load("k", failing()).kind, LookupKind::stale);
  scheduler_->advance(2s);
  EXPECT_EQ(a.get_or_load("k", [] { return std::string("new"); }).value(), "new") << "after retry_after";

  Strings b = make({.error_ttl = 30s});
  const auto held = std::make_shared<Held>();
  start(a, "p", held);
  start(b, "p", std::make_shared<Held>());
  held->fail("down");
  const auto not_called = std::make_shared<Held>();
  const Later paused = start(b, "p", not_called);
  EXPECT_EQ((*paused)->error, Errc::loader_failed);
  EXPECT_EQ(not_called->calls, 0);
}

TEST_F(ErrorTtlTest, OffByDefault) {
  Strings a = make();
  (void)a.lookup_or_load("k", failing());
  EXPECT_EQ(a.get_or_load("k", [] { return std::string("v"); }).value(), "v");
}

}  // namespace
}  // namespace terrace
