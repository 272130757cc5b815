/// Loaders under supervision: grace, throttle, eager refresh, soft and hard limits, turns.

#include "cascade/load_slots.hpp"
#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

class SupervisionTest : public SharedTest {
 protected:
  const CacheOptions graceful_{.ttl = 10s, .grace = 1min};
};

TEST_F(SupervisionTest, AFailingRefreshIsAnsweredFromGraceAndNotRepeatedAtOnce) {
  Strings a = make(graceful_);
  a.set("k", "one").value();
  scheduler_->advance(11s);
  EXPECT_FALSE(a.get("k")) << "its ttl is over, and nothing failed";
  int attempts = 0;
  const auto load = [&]() -> std::string {
    ++attempts;
    throw std::runtime_error("origin down");
  };
  for (int i = 0; i < 5; ++i) {
    const auto found = a.lookup_or_load("k", load);
    EXPECT_EQ(found.kind, LookupKind::stale);
    EXPECT_EQ(*found.value, "one");
  }
  EXPECT_EQ(attempts, 1);
  scheduler_->advance(1100ms);
  EXPECT_EQ(a.lookup_or_load("k", load).kind, LookupKind::stale);
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(a.stats().stale_served, 2U);
  scheduler_->advance(1min);
  EXPECT_EQ(a.lookup_or_load("k", load).error, Errc::loader_failed) << "the grace is over";
}

TEST_F(SupervisionTest, WhatTheGateHoldsBackIsStaleAtBest) {
  for (const Duration grace : {Duration::zero(), Duration(1min)}) {
    Strings a = make({.ttl = 1h, .grace = grace});
    Strings b = make({.ttl = 1h, .grace = grace});
    a.set("k", "one").value();
    EXPECT_EQ(*a.get("k"), "one");
    shared_->hold_events();
    b.erase("k").value();
    scheduler_->advance(2s);
    const auto found = a.lookup_or_load("k", failing());
    EXPECT_EQ(found.kind, grace == Duration::zero() ? LookupKind::unavailable : LookupKind::stale);
    shared_->deliver();
  }
}

TEST_F(SupervisionTest, F35_AThrowingLoaderTellsEveryWaiter) {
  Strings a = make();
  const auto held = std::make_shared<Held>();
  std::vector<Later> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(start(a, "k", held));
  held->fail("origin down");
  for (const Later& later : waiting) {
    EXPECT_EQ((*later)->error, Errc::loader_failed);
    EXPECT_EQ((*later)->error.context, "origin down");
  }
  EXPECT_EQ(held->calls, 1);
  EXPECT_FALSE(a.get("k")) << "negative only when asked";
}

TEST_F(SupervisionTest, GraceOutlivesTheProcessInTheTier) {
  {
    Strings a = make(graceful_);
    a.set("k", "one").value();
  }
  scheduler_->advance(11s);
  Strings fresh = make(graceful_);
  const auto found = fresh.lookup_or_load("k", failing());
  EXPECT_EQ(found.kind, LookupKind::stale);
  EXPECT_EQ(found.level, "shared");
  EXPECT_EQ(*found.value, "one");
}

TEST_F(SupervisionTest, WhileAnotherProcessRefreshesTheStaleValueServes) {
  Strings a = make(graceful_);
  Strings b = make(graceful_);
  a.set("k", "one").value();
  scheduler_->advance(11s);
  const auto held = std::make_shared<Held>();
  const Later refreshing = start(a, "k", held);
  const auto found = b.lookup_or_load("k", constant("unwanted"));
  EXPECT_EQ(found.kind, LookupKind::stale);
  EXPECT_EQ(*found.value, "one");
  held->answer("two");
  EXPECT_EQ(*b.get("k"), "two");
}

TEST_F(SupervisionTest, AnEagerRefreshRunsInTheBackgroundOnce) {
  auto options = graceful_;
  options.eager_refresh = 0.8;
  Strings a = make(options);
  a.set("k", "one").value();
  a.get("k");
  scheduler_->advance(7s);
  int loads = 0;
  const auto load = [&] { return ++loads, std::string("two"); };
  EXPECT_EQ(a.get_or_load("k", load).value(), "one");
  scheduler_->run_ready();
  EXPECT_EQ(loads, 0) << "not due";
  scheduler_->advance(1500ms);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(a.get_or_load("k", load).value(), "one");
  scheduler_->run_ready();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(*a.get("k"), "two");
  EXPECT_EQ(a.stats().refreshes, 1U);
}

TEST_F(SupervisionTest, AnEagerRefreshThatFailsLeavesTheFreshValueAndWaits) {
  auto options = graceful_;
  options.eager_refresh = 0.5;
  Strings a = make(options);
  a.set("k", "one").value();
  a.get("k");
  scheduler_->advance(6s);
  int loads = 0;
  const auto load = [&]() -> std::string {
    ++loads;
    throw std::runtime_error("down");
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(a.lookup_or_load("k", load).kind, LookupKind::hit);
    scheduler_->run_ready();
  }
  EXPECT_EQ(loads, 1);
}

TEST_F(SupervisionTest, AnEagerRefreshTakesWhatAnotherProcessHasRefreshed) {
  auto options = graceful_;
  options.eager_refresh = 0.5;
  Strings a = make(options);
  Strings b = make(options);
  a.set("k", "one").value();
  EXPECT_EQ(*b.get("k"), "one");
  scheduler_->advance(6s);
  shared_->hold_events();
  a.set("k", "two").value();
  int loads = 0;
  b.get_or_load("k", [&] { return ++loads, std::string("three"); }).value();
  scheduler_->run_ready();
  EXPECT_EQ(loads, 0);
  EXPECT_EQ(*b.get("k"), "two");
}

TEST_F(SupervisionTest, ALoaderMaySayUnchanged) {
  Strings a = make(graceful_);
  a.set("k", "one").value();
  scheduler_->advance(11s);
  std::string seen;
  const auto found = a.lookup_or_load("k", [&](std::string_view, const LoadContext<std::string>& context) {
    seen = context.previous != nullptr ? *context.previous : "(nothing)";
    return Load<std::string>::unchanged(20s);
  });
  EXPECT_EQ(seen, "one");
  EXPECT_EQ(*found.value, "one");
  EXPECT_EQ(found.kind, LookupKind::hit);
  EXPECT_EQ(found.remaining, 20s);
  scheduler_->advance(19s);
  EXPECT_TRUE(a.get("k"));
  const auto nothing = a.lookup_or_load("new", [](std::string_view, const LoadContext<std::string>&) {
    return Load<std::string>::unchanged();
  });
  EXPECT_EQ(nothing.error, Errc::loader_failed);
}

TEST_F(SupervisionTest, TheSoftLimitAnswersStaleAndTheLoadGoesOn) {
  auto options = graceful_;
  options.soft_load_timeout = 100ms;
  Strings a = make(options);
  a.set("k", "one").value();
  scheduler_->advance(11s);
  const auto held = std::make_shared<Held>();
  const Later answer = start(a, "k", held);
  scheduler_->advance(99ms);
  EXPECT_EQ(text(answer), "(pending)");
  scheduler_->advance(1ms);
  EXPECT_EQ(text(answer), "one");
  EXPECT_EQ((*answer)->kind, LookupKind::stale);
  EXPECT_EQ(a.lookup_or_load("k", constant("unwanted")).kind, LookupKind::stale)
      << "from memory, no second load";
  held->answer("two");
  EXPECT_EQ(*a.get("k"), "two");
}

TEST_F(SupervisionTest, TheHardLimitStopsTheLoaderAndFencesItsLateResultOff) {
  auto options = graceful_;
  options.load_timeout = 2s;
  Strings a = make(options);
  const auto held = std::make_shared<Held>();
  const Later answer = start(a, "k", held);
  EXPECT_FALSE(held->stop.stop_requested());
  scheduler_->advance(2s);
  EXPECT_EQ((*answer)->error, Errc::timed_out);
  EXPECT_TRUE(held->stop.stop_requested());
  Strings b = make(options);
  EXPECT_EQ(b.get_or_load("k", constant("b's")).value(), "b's");
  held->answer("late");
  EXPECT_EQ(*a.get("k"), "b's");
}

TEST_F(SupervisionTest, ClosingAsksLoadersToStop) {
  Strings a = make();
  const auto held = std::make_shared<Held>();
  const Later answer = start(a, "k", held);
  a.close();
  EXPECT_EQ((*answer)->error, Errc::shutdown);
  EXPECT_TRUE(held->stop.stop_requested());
}

TEST_F(SupervisionTest, LoadsTakeTurns) {
  Strings a = make({.max_concurrent_loads = 2});
  std::vector<std::shared_ptr<Held>> loaders;
  std::vector<Later> answers;
  for (int i = 0; i < 4; ++i) {
    loaders.push_back(std::make_shared<Held>());
    answers.push_back(start(a, std::to_string(i), loaders.back()));
  }
  EXPECT_EQ(loaders[1]->calls, 1);
  EXPECT_EQ(loaders[2]->calls, 0);
  loaders[0]->answer("x");
  EXPECT_EQ(loaders[2]->calls, 1);
  EXPECT_EQ(loaders[3]->calls, 0);
  loaders[2]->fail("y");
  EXPECT_EQ(loaders[3]->calls, 1);
}

TEST_F(SupervisionTest, F51_TheAbsoluteExpiryTravelsWithTheEntry) {
  Strings a = make({.ttl = 50ms});
  Strings b = make({.ttl = 50ms});
  a.set("k", "one").value();
  scheduler_->advance(40ms);
  EXPECT_EQ(*b.get("k"), "one");
  EXPECT_EQ(b.lookup("k").remaining, 10ms);
  scheduler_->advance(10ms);
  EXPECT_FALSE(b.get("k"));
}

TEST_F(SupervisionTest, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [&](CacheOptions options, const std::string& name) {
    try {
      options.scheduler = scheduler_;
      const Strings cache(std::move(options));
      FAIL() << name;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  };
  refused({.ttl = 1s, .grace = -1s}, "grace");
  refused({.grace = 1s}, "grace");
  refused({.eager_refresh = 1}, "eager_refresh");
  refused({.max_staleness = 1ms}, "max_staleness");
  refused({.lease_time = 1ms}, "lease_time");
  refused({.max_concurrent_loads = 0}, "max_concurrent_loads");
  refused({.load_timeout = 1s, .soft_load_timeout = 1s}, "soft_load_timeout");
}

TEST(LoadSlots, ManyTurnsThatEndAtOnceNeedNoStack) {
  cascade::LoadSlots slots(1);
  slots.enter([] {});
  int turns = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    slots.enter([&] {
      ++turns;
      slots.leave();
    });
  }
  slots.leave();
  EXPECT_EQ(turns, 1'000'000);
}

}  // namespace
}  // namespace terrace
