/// The limits of loads: what a loader that does not end, or that nobody waits for, costs the others.

#include <terrace/runtime.hpp>
#include <thread>

#include "cascade/load_slots.hpp"
#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

class LoadLimitsTest : public SharedTest {
 protected:
  std::shared_ptr<Held> held() const { return std::make_shared<Held>(); }
};

TEST_F(LoadLimitsTest, AHangingLoaderHasNoTurnAfterLoadTimeout) {
  Strings a = make({.load_timeout = 2s, .max_concurrent_loads = 1});
  const auto hanging = held();
  const auto next = held();
  const Later first = start(a, "1", hanging);
  scheduler_->advance(1s);
  const Later second = start(a, "2", next);
  EXPECT_EQ(next->calls, 0);
  scheduler_->advance(1s);
  EXPECT_EQ((*first)->error, Errc::timed_out);
  EXPECT_TRUE(hanging->stop.stop_requested());
  ASSERT_EQ(next->calls, 1) << "the turn is free";
  EXPECT_EQ(a.stats().loads_overdue, 1U);
  EXPECT_EQ(a.stats().loads_in_flight, 2U);
  next->answer("fine");
  EXPECT_EQ(text(second), "fine");
  hanging->answer("too late");
  EXPECT_EQ(a.stats().loads_overdue, 0U);
  EXPECT_EQ(a.stats().loads_in_flight, 0U);
  EXPECT_FALSE(a.get("1"));
}

TEST_F(LoadLimitsTest, AThousandLoadersThatNeverReturnAreBoundedAndRefusedInWords) {
  Strings a = make({.load_timeout = 2s, .max_concurrent_loads = 4});
  constexpr std::size_t most = 4 * cascade::LoadSlots::overdue_per_slot;
  std::vector<std::shared_ptr<Held>> hanging;
  while (hanging.size() < most) {
    hanging.push_back(held());
    start(a, "k" + std::to_string(hanging.size()), hanging.back());
    if (hanging.size() % 4 == 0) scheduler_->advance(2s);
  }
  EXPECT_EQ(a.stats().loads_overdue, most);
  EXPECT_EQ(a.stats().loads_waiting, 0U);
  for (int i = 0; i < 1000; ++i) {
    const auto refused = held();
    const Later answer = start(a, "more" + std::to_string(i), refused);
    ASSERT_TRUE(answer->has_value()) << "at once";
    EXPECT_EQ((*answer)->error, Errc::overloaded);
    EXPECT_NE((*answer)->error.context.find("time limit"), std::string::npos) << (*answer)->error.context;
    EXPECT_EQ(refused->calls, 0);
  }
  hanging.front()->answer("late");
  const auto fine = held();
  const Later answer = start(a, "fine", fine);
  fine->answer("v");
  EXPECT_EQ(text(answer), "v") << "below the limit again";
  for (std::size_t i = 1; i < hanging.size(); ++i) hanging[i]->answer("late");
  EXPECT_EQ(a.stats().loads_overdue, 0U);
}

TEST_F(LoadLimitsTest, ALoaderThatNobodyWaitsForIsAskedToStopAndKeepsNoTurn) {
  Strings a = make({.max_concurrent_loads = 1});
  const auto slow = held();
  const auto other = held();
  const Later short_limit = start(a, "k", slow, {.timeout = 100ms});
  const Later longer_limit = start(a, "k", held(), {.timeout = 200ms});
  const Later waits = start(a, "other", other);
  scheduler_->advance(100ms);
  EXPECT_EQ((*short_limit)->error, Errc::timed_out);
  EXPECT_FALSE(slow->stop.stop_requested()) << "one caller still waits";
  scheduler_->advance(100ms);
  EXPECT_EQ((*longer_limit)->error, Errc::timed_out);
  EXPECT_TRUE(slow->stop.stop_requested());
  EXPECT_EQ(other->calls, 1);
  EXPECT_EQ(a.stats().loads_overdue, 1U);
  slow->answer("late, and right");
  EXPECT_EQ(*a.get("k"), "late, and right") << "what it returns all the same is kept";
  EXPECT_EQ(a.stats().loads_overdue, 0U);
  other->answer("x");
}

TEST_F(LoadLimitsTest, ACallerMayGiveUpByAStopToken) {
  Strings a = make();
  std::stop_source caller;
  const auto slow = held();
  const Later answer = start(a, "k", slow, {.stop = caller.get_token()});
  EXPECT_FALSE(answer->has_value());
  caller.request_stop();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->error, Errc::timed_out);
  EXPECT_TRUE(slow->stop.stop_requested());
  slow->fail("was stopped");

  const auto never = held();
  const Later at_once = start(a, "k2", never, {.stop = caller.get_token()});
  EXPECT_EQ((*at_once)->error, Errc::timed_out);
  EXPECT_EQ(never->calls, 0);
}

TEST_F(LoadLimitsTest, WhoJoinsALoadThatWasAskedToStopGetsItsOwnLoader) {
  Strings a = make();
  const auto stopped = held();
  const auto own = held();
  start(a, "k", stopped, {.timeout = 100ms});
  scheduler_->advance(100ms);
  const Later late = start(a, "k", own);
  EXPECT_EQ(own->calls, 0) << "the first loader may still return";
  stopped->fail("was stopped");
  EXPECT_FALSE(late->has_value());
  ASSERT_EQ(own->calls, 1);
  own->answer("v");
  EXPECT_EQ(text(late), "v");
}

TEST_F(LoadLimitsTest, AnErrorOfOneCallerAloneIsNotTheErrorOfTheOthers) {
  Strings a = make();
  const auto ended = held();
  const auto second = held();
  const auto third = held();
  const Later first = start(a, "k", ended);
  const Later other = start(a, "k", second);
  const Later last = start(a, "k", third);
  EXPECT_TRUE(ended->others_wait());
  std::exchange(ended->done, nullptr)(
      {{.value = Error(Errc::loader_failed, "the event loop was closed"), .only_own = true}});
  EXPECT_EQ((*first)->error.context, "the event loop was closed");
  EXPECT_FALSE(other->has_value());
  ASSERT_EQ(second->calls, 1);
  second->answer("v");
  EXPECT_EQ(text(other), "v");
  EXPECT_EQ(text(last), "v");
  EXPECT_EQ(third->calls, 0);

  const auto alone = held();
  const Later nobody_else = start(a, "k2", alone);
  EXPECT_FALSE(alone->others_wait());
  std::exchange(alone->done, nullptr)({{.value = Error(Errc::loader_failed, "x"), .only_own = true}});
  EXPECT_EQ((*nobody_else)->error, Errc::loader_failed);
  EXPECT_EQ(a.stats().loads_in_flight, 0U);
}

TEST_F(LoadLimitsTest, EveryCallerHasItsOwnSoftLimit) {
  Strings a = make({.ttl = 300ms, .grace = 1h, .retry_after = 1s, .soft_load_timeout = 100ms});
  a.set("k", "old").value();
  scheduler_->advance(300ms);
  const auto slow = held();
  const Later first = start(a, "k", slow);
  scheduler_->advance(60ms);
  const Later second = start(a, "k", slow);
  scheduler_->advance(40ms);
  EXPECT_EQ((*first)->kind, LookupKind::stale);
  EXPECT_FALSE(second->has_value()) << "its own limit is not over";
  scheduler_->advance(60ms);
  EXPECT_EQ((*second)->kind, LookupKind::stale);
  for (int round = 0; round < 3; ++round) {
    scheduler_->advance(1100ms);  // memory serves the stale value no longer without a new attempt
    const Later later = start(a, "k", slow);
    EXPECT_FALSE(later->has_value());
    scheduler_->advance(100ms);
    ASSERT_TRUE(later->has_value()) << "long before load_timeout";
    EXPECT_EQ((*later)->kind, LookupKind::stale);
  }
  EXPECT_EQ(slow->calls, 1);
  EXPECT_FALSE(slow->stop.stop_requested()) << "its value is wanted, though nobody waits";
  scheduler_->advance(1100ms);
  const Later last = start(a, "k", slow);
  slow->answer("new");
  EXPECT_EQ(text(last), "new");
}

TEST(Bulkheads, LoadersThatHangInOneCacheDoNotStopAnother) {
  const auto runtime = std::make_shared<Runtime>();
  Cache<std::string> a({.name = "a", .scheduler = runtime});
  Cache<std::string> b({.name = "b", .scheduler = runtime});
  std::atomic<bool> go_on{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      (void)a.get_or_load("k" + std::to_string(i), [&] {
        go_on.wait(false);
        return std::string("v");
      });
    });
  }
  while (a.stats().loads < 64) std::this_thread::yield();
  EXPECT_EQ(b.get_or_load("k", [] { return std::string("v"); }, {.timeout = 20s}).value(), "v");
  go_on = true;
  go_on.notify_all();
  for (auto& caller : callers) caller.join();
}

}  // namespace
}  // namespace terrace
