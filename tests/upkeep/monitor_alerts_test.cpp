#include "upkeep/monitor_fixture.hpp"

namespace terrace {
namespace {

TEST_F(MonitorTest, AnAlertFiresAndRecovers) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule({.name = "cold",
                     .when = "hit_rate < 50% && requests >= 100",
                     .lasting = 30s,
                     .severity = Severity::critical,
                     .message = "too many misses"});
  std::vector<AlertNotice> notices;
  monitor->add_sink([&](const AlertNotice& notice) { notices.push_back(notice); });

  read(cache, 10, 190);
  scheduler_->advance(30s);
  EXPECT_TRUE(notices.empty()) << "it has not held for 30 s";
  EXPECT_TRUE(monitor->alerts().empty());
  scheduler_->advance(5s);
  ASSERT_EQ(notices.size(), 1U);
  const AlertNotice fired = notices[0];
  EXPECT_EQ(fired.kind, Kind::fired);
  EXPECT_EQ(fired.rule, "cold");
  EXPECT_EQ(fired.cache, "users");
  EXPECT_EQ(fired.severity, Severity::critical);
  EXPECT_EQ(fired.message, "too many misses (requests 200, hit_rate 0.05; over 35 s)");
  EXPECT_EQ(fired.at, scheduler_->clock().wall_now());
  ASSERT_EQ(monitor->alerts().size(), 1U);
  EXPECT_EQ(monitor->alerts()[0].since, fired.at);
  EXPECT_FALSE(monitor->alerts()[0].broken);

  scheduler_->advance(20s);
  EXPECT_EQ(notices.size(), 1U) << "a single notification";
  scheduler_->advance(1min);
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_EQ(notices[1].kind, Kind::recovered);
  EXPECT_EQ(notices[1].since, fired.at);
  EXPECT_EQ(notices[1].message, "after 30 s: too many misses (requests 0, hit_rate 1; over 60 s)");
  EXPECT_TRUE(monitor->alerts().empty());
}

TEST_F(MonitorTest, EachCacheHasItsOwnAlerts) {
  auto users = make("users");
  auto orders = make("orders");
  const auto monitor = this->monitor();
  monitor->watch(users);
  monitor->watch(orders);
  monitor->add_rule({.name = "any", .when = "misses > 10"});
  monitor->add_rule({.name = "one", .when = "misses > 10", .cache = "orders"});
  monitor->add_sink(into(story_));
  read(users, 0, 20);
  scheduler_->advance(5s);
  EXPECT_EQ(*story_, "fired any users; ");
  read(orders, 0, 20);
  scheduler_->advance(5s);
  EXPECT_EQ(*story_, "fired any users; fired any orders; fired one orders; ");
}

TEST_F(MonitorTest, ARuleOfACacheThatIsNotWatchedIsBroken) {
  auto cache = make("users");
  const auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule({.name = "one", .when = "closed", .cache = "usres"});
  monitor->add_sink(into(story_));
  scheduler_->advance(1min);
  EXPECT_EQ(*story_, "broken one usres; ");
  ASSERT_EQ(monitor->alerts().size(), 1U);
  EXPECT_TRUE(monitor->alerts()[0].broken);
  EXPECT_EQ(monitor->alerts()[0].message,
            "it cannot be evaluated: no cache \"usres\" is watched; did you mean users?");
  auto late = make("usres");
  monitor->watch(late);
  scheduler_->advance(1min);
  EXPECT_EQ(*story_, "broken one usres; mended one usres; ");
}

TEST_F(MonitorTest, ARuleThatThrowsIsItselfAnAlert) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  auto throws = std::make_shared<bool>(true);
  monitor->add_rule({.name = "mine", .test = [throws](const WindowStats&) {
                       if (*throws) throw std::runtime_error("no such column");
                       return false;
                     }});
  monitor->add_rule(rule("other"));
  std::vector<AlertNotice> notices;
  monitor->add_sink([&](const AlertNotice& notice) { notices.push_back(notice); });
  *holds_ = true;
  scheduler_->advance(1min);
  ASSERT_EQ(notices.size(), 2U) << "once, and the other rule is judged all the same";
  EXPECT_EQ(notices[0].kind, Kind::broken);
  EXPECT_EQ(notices[0].message, "it cannot be evaluated: no such column");
  EXPECT_EQ(notices[1].rule, "other");
  *throws = false;
  scheduler_->advance(5s);
  ASSERT_EQ(notices.size(), 3U);
  EXPECT_EQ(notices[2].kind, Kind::mended);
}

TEST_F(MonitorTest, AnUnwatchedCachesAlertsRecover) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule(rule());
  monitor->add_sink(into(story_));
  *holds_ = true;
  scheduler_->advance(5s);
  monitor->unwatch("users");
  scheduler_->advance(1min);
  EXPECT_EQ(*story_, "fired mine users; recovered mine users; ");
  EXPECT_TRUE(monitor->alerts().empty());
}

TEST_F(MonitorTest, RulesAreSampledEachIntervalAndOnDemand) {
  auto cache = make();
  const auto monitor = this->monitor({.interval = 10s});
  monitor->watch(cache);
  int judged = 0;
  monitor->add_rule({.name = "mine", .test = [&](const WindowStats&) { return ++judged, false; }});
  scheduler_->advance(100s);
  EXPECT_EQ(judged, 10);
  monitor->sample();
  EXPECT_EQ(judged, 11);
  monitor->close();
  monitor->sample();
  scheduler_->advance(100s);
  EXPECT_EQ(judged, 11);
}

TEST_F(MonitorTest, RulesMayAskTheMonitor) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  std::size_t caches = 0;
  monitor->add_rule({.name = "mine", .test = [&](const WindowStats&) {
                       caches = monitor->health().caches.size();
                       (void)monitor->alerts();
                       monitor->sample();  // of itself: nothing
                       return true;
                     }});
  monitor->add_sink([&](const AlertNotice&) { monitor->sample(); });
  scheduler_->advance(5s);
  EXPECT_EQ(caches, 1U);
  EXPECT_EQ(monitor->alerts().size(), 1U);
}

TEST_F(MonitorTest, NoTwoRulesHaveOneName) {
  const auto monitor = this->monitor();
  monitor->add_rule(rule());
  EXPECT_THROW(monitor->add_rule(rule()), ConfigError);
}

TEST_F(MonitorTest, TheEndLeavesNoTimerBehind) {
  auto cache = make();
  const std::size_t before = scheduler_->pending_timers();
  auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule(rule());
  monitor->add_sink(into(story_));
  scheduler_->advance(5s);
  *holds_ = true;
  scheduler_->fake_clock().advance(5s);
  monitor->sample();  // the notice waits for the worker
  monitor = nullptr;
  EXPECT_EQ(scheduler_->pending_timers(), before);
  scheduler_->advance(1min);
  EXPECT_EQ(*story_, "") << "nothing is told after the end";
}

TEST_F(MonitorTest, ItMayEndBeforeOrAfterItsCaches) {
  auto cache = std::make_unique<Strings>(make());
  auto monitor = this->monitor();
  monitor->watch(*cache);
  monitor->add_rule({.name = "gone", .when = "closed"});
  monitor->add_sink(into(story_));
  cache = nullptr;
  scheduler_->advance(1min);
  EXPECT_EQ(*story_, "fired gone users; ");
  monitor = nullptr;

  cache = std::make_unique<Strings>(make());
  monitor = this->monitor();
  monitor->watch(*cache);
  monitor = nullptr;
  EXPECT_TRUE(cache->set("a", "b"));
}

}  // namespace
}  // namespace terrace
