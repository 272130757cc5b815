#include "upkeep/health.hpp"
#include "upkeep/monitor_fixture.hpp"

namespace terrace {
namespace {

using upkeep::find_issues;

WindowStats window_of(std::uint64_t hits, std::uint64_t misses) {
  WindowStats window{
      .cache = "users", .span = 60s, .requests = hits + misses, .hits = hits, .misses = misses};
  if (hits + misses > 0) window.hit_rate = static_cast<double>(hits) / static_cast<double>(hits + misses);
  return window;
}

TEST(MonitorHealth, NamesAHitRateUnderTheLimitWithItsFigures) {
  const auto issues = find_issues(window_of(31, 69), {});
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, HealthIssue::Kind::hit_rate);
  EXPECT_EQ(issues[0].what,
            "cache users: the hit rate is 31.0 %, below 50.0 % (31 of 100 requests in the last 60 s)");
  EXPECT_TRUE(find_issues(window_of(50, 50), {}).empty()) << "at the limit is not under it";
  EXPECT_TRUE(find_issues(window_of(31, 69), {.min_hit_rate = 0.3}).empty());
}

TEST(MonitorHealth, FewRequestsSayNothingAboutRates) {
  WindowStats window = window_of(0, 99);
  window.errors = 99;
  window.error_rate = 1;
  EXPECT_TRUE(find_issues(window, {}).empty());
  EXPECT_EQ(find_issues(window, {.min_requests = 99}).size(), 2U);
}

TEST(MonitorHealth, NamesAnErrorRateOverTheLimit) {
  WindowStats window = window_of(100, 0);
  window.errors = 5;
  window.error_rate = 0.05;
  EXPECT_TRUE(find_issues(window, {}).empty()) << "at the limit is not over it";
  window.errors = 6;
  window.error_rate = 0.06;
  const auto issues = find_issues(window, {});
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, HealthIssue::Kind::error_rate);
  EXPECT_NE(issues[0].what.find("6.0 %, above 5.0 % (6 errors in 100"), std::string::npos) << issues[0].what;
}

TEST(MonitorHealth, NamesALevelThatIsAway) {
  WindowStats window;
  window.now.levels = {{.name = "memory"}, {.name = "redis", .reachable = true, .breaker_open = false}};
  EXPECT_TRUE(find_issues(window, {}).empty());
  window.now.levels[1].reachable = false;
  ASSERT_EQ(find_issues(window, {}).size(), 1U);
  EXPECT_EQ(find_issues(window, {})[0].level, "redis");
  EXPECT_NE(find_issues(window, {})[0].what.find("level redis cannot be reached"), std::string::npos);
  window.now.levels[1].breaker_open = true;
  ASSERT_EQ(find_issues(window, {}).size(), 1U);
  EXPECT_NE(find_issues(window, {})[0].what.find("breaker"), std::string::npos);
}

TEST(MonitorHealth, NamesAGateThatIsShut) {
  WindowStats window;
  window.now.max_staleness = 1s;
  EXPECT_TRUE(find_issues(window, {}).empty()) << "nothing is watched";
  window.now.watching = true;
  window.now.staleness = 200ms;
  EXPECT_TRUE(find_issues(window, {}).empty());
  window.now.watching = false;
  window.now.staleness.reset();
  ASSERT_EQ(find_issues(window, {}).size(), 1U);
  EXPECT_EQ(find_issues(window, {})[0].kind, HealthIssue::Kind::gate_shut);
}

TEST(MonitorHealth, NamesAJournalThatLags) {
  WindowStats window;
  window.now.write_back = WriteBackStats{.pending = 7, .lag = 30s};
  EXPECT_TRUE(find_issues(window, {}).empty());
  window.now.write_back->lag = 31s;
  const auto issues = find_issues(window, {});
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, HealthIssue::Kind::journal_lag);
  EXPECT_NE(issues[0].what.find("31 s, more than 30 s (7 keys are waiting)"), std::string::npos)
      << issues[0].what;
}

TEST(FindIssues, CORE7_ALevelThatRefusesWhatIsLoadedIsAnIssue) {
  WindowStats window;
  window.requests = window.loads = 1000;
  window.levels = {{.name = "memory"}, {.name = "redis", .lease_errors = 50}};
  EXPECT_TRUE(find_issues(window, {}).empty()) << "up to max_error_rate of the loads";
  window.levels[1].lease_errors = 51;
  const auto issues = find_issues(window, {});
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, HealthIssue::Kind::lease_errors);
  EXPECT_EQ(to_string(issues[0].kind), "lease_errors");
  EXPECT_EQ(issues[0].level, "redis");
  EXPECT_NE(issues[0].what.find("has refused 51 leases or fills"), std::string::npos) << issues[0].what;
  window.requests = window.loads = 99;
  EXPECT_TRUE(find_issues(window, {}).empty()) << "too few";
}

TEST(FindIssues, LoadersThatRunThoughTheyWereGivenUpAreAnIssue) {
  WindowStats window;
  window.now.loads_overdue = 3;
  const auto issues = find_issues(window, {});
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, HealthIssue::Kind::loads_overdue);
  EXPECT_NE(issues[0].what.find("3 loaders still run"), std::string::npos) << issues[0].what;
  EXPECT_EQ(to_string(issues[0].kind), "loads_overdue");
}

TEST_F(MonitorTest, NothingServedYetIsHealthyAndIdle) {
  const auto monitor = this->monitor();
  EXPECT_TRUE(monitor->health().healthy);
  EXPECT_TRUE(monitor->health().idle);
  auto cache = make();
  monitor->watch(cache);
  EXPECT_TRUE(monitor->health().healthy);
  EXPECT_TRUE(monitor->health().idle);
  scheduler_->advance(10min);
  EXPECT_TRUE(monitor->health().healthy);
  EXPECT_TRUE(monitor->health().idle);
}

TEST_F(MonitorTest, HealthIsOfTheWindowNotSinceTheStart) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  read(cache, 10'000, 0);
  EXPECT_TRUE(monitor->health().healthy);
  EXPECT_FALSE(monitor->health().idle);
  scheduler_->advance(70s);  // the window, and what is between two samples
  EXPECT_TRUE(monitor->health().idle);

  read(cache, 0, 200);  // of 10,200: a since-start total would still say 98 %
  Health health = monitor->health();
  ASSERT_EQ(health.issues.size(), 1U);
  EXPECT_EQ(health.issues[0].kind, HealthIssue::Kind::hit_rate);
  EXPECT_FALSE(health.healthy);
  EXPECT_EQ(health.at, scheduler_->clock().wall_now());

  scheduler_->advance(70s);
  EXPECT_TRUE(monitor->health().healthy) << "what is past is past";
}

TEST_F(MonitorTest, WhatWasBeforeItWasWatchedIsNotJudged) {
  auto cache = make();
  read(cache, 0, 1000);
  const auto monitor = this->monitor();
  monitor->watch(cache);
  EXPECT_TRUE(monitor->health().healthy);
}

TEST_F(MonitorTest, ATierThatFailsIsAnErrorRate) {
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  faulty_->plan({.kind = testing::Fault::Kind::fail});
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(cache.get("x"));
  faulty_->plan(nullptr);
  bool told = false;
  for (const auto& issue : monitor->health().issues) told |= issue.kind == HealthIssue::Kind::error_rate;
  EXPECT_TRUE(told);
}

TEST_F(MonitorTest, AWatchThatIsDownShutsTheGate) {
  auto cache = make_watching();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  EXPECT_TRUE(monitor->health().healthy);
  shared_->break_watch();
  ASSERT_EQ(monitor->health().issues.size(), 1U);
  EXPECT_EQ(monitor->health().issues[0].kind, HealthIssue::Kind::gate_shut);
  shared_->restore_watch();
  EXPECT_TRUE(monitor->health().healthy);
}

TEST_F(MonitorTest, AClosedCacheIsNotHealthyTillItIsUnwatched) {
  const auto monitor = this->monitor();
  {
    auto cache = make();
    monitor->watch(cache);
    read(cache, 0, 200);
    cache.close();
    ASSERT_EQ(monitor->health().issues.size(), 1U) << "its rates do not matter any more";
    EXPECT_EQ(monitor->health().issues[0].kind, HealthIssue::Kind::closed);
  }
  EXPECT_EQ(monitor->health().issues.size(), 1U) << "gone altogether";
  EXPECT_TRUE(monitor->unwatch("users"));
  EXPECT_FALSE(monitor->unwatch("users"));
  EXPECT_TRUE(monitor->health().healthy);
}

TEST_F(MonitorTest, ACacheMadeAnewTakesThePlaceOfTheOneThatIsClosed) {
  const auto monitor = this->monitor();
  auto cache = std::make_unique<Strings>(make());
  monitor->watch(*cache);
  EXPECT_THROW(monitor->watch(make()), ConfigError);
  read(*cache, 0, 500);
  scheduler_->advance(5s);
  cache->close();
  cache = std::make_unique<Strings>(make());
  monitor->watch(*cache);
  read(*cache, 150, 30);
  scheduler_->advance(5s);
  const auto windows = monitor->windows();
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].requests, 180U);
  EXPECT_TRUE(monitor->health().healthy);
}

TEST_F(MonitorTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(monitor({.interval = 0s}), ConfigError);
  EXPECT_THROW(monitor({.window = 1s, .interval = 5s}), ConfigError);
  EXPECT_THROW(monitor({.window = 1000h, .interval = 10ms}), ConfigError);
  EXPECT_THROW(monitor({.limits = {.min_hit_rate = 50}}), ConfigError);
  EXPECT_THROW(monitor({.limits = {.max_error_rate = -1}}), ConfigError);
  EXPECT_THROW(monitor({.limits = {.max_journal_lag = 0s}}), ConfigError);
}

/// Does something of the test's, once, while a cache asks it for its figures.
struct InterruptedTier final : testing::MapTier {
  using MapTier::MapTier;
  [[nodiscard]] TierStats stats() const override {
    if (const auto act = std::exchange(meanwhile, nullptr)) act();
    return MapTier::stats();
  }
  mutable std::function<void()> meanwhile;
};

TEST_F(MonitorTest, ASampleTakenMeanwhileIsNoCacheMadeAnew) {
  const auto tier = std::make_shared<InterruptedTier>(scheduler_->clock());
  CacheOptions options{.name = "users"};
  options.scheduler = scheduler_;
  Strings cache(std::move(options), {tier});
  read(cache, 1000, 0);
  const auto monitor = this->monitor();
  monitor->watch(cache);
  scheduler_->advance(1s);
  tier->meanwhile = [&] {
    read(cache, 50, 0);
    scheduler_->advance(1ms);
    monitor->sample();
  };
  const WindowStats window = monitor->health().caches.at(0);
  EXPECT_EQ(window.requests, 50U) << "not the thousand from before it was watched";
  EXPECT_LE(window.requests_per_second, 50);
}

}  // namespace
}  // namespace terrace
