/// Metrics::text(): that it is what Prometheus reads, and says what the caches count.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "upkeep/exposition.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using testing::EveryMetric;
using testing::Exposition;

class MetricsTest : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;

  [[nodiscard]] Strings make(CacheOptions options) const {
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    return Strings(std::move(options), {tier_});
  }
  [[nodiscard]] double value(const std::string& series) const {
    return Exposition(metrics_.text()).value(series);
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<testing::MapTier> map_ = std::make_shared<testing::MapTier>(scheduler_->clock());
  std::shared_ptr<testing::FaultyTier> tier_ = std::make_shared<testing::FaultyTier>(map_, scheduler_);
  Metrics metrics_;
};

TEST_F(MetricsTest, SaysWhatTheLevelsCount) {
  auto users = make({.name = "users"});
  metrics_.add(users);
  users.set("k", "v").value();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(users.get("k"));
  EXPECT_FALSE(users.get("nothing"));
  tier_->plan({.kind = testing::Fault::Kind::fail, .error = Errc::timed_out});
  EXPECT_FALSE(users.get("nothing"));
  const Exposition told(metrics_.text());
  EXPECT_TRUE(told.unknown.empty()) << told.unknown.front();
  EXPECT_EQ(told.value(R"(terrace_hits_total{cache="users",level="memory"})"), 3);
  EXPECT_EQ(told.value(R"(terrace_misses_total{cache="users",level="memory"})"), 2);
  EXPECT_EQ(told.value(R"(terrace_misses_total{cache="users",level="map"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_errors_total{cache="users",level="map",kind="timed_out"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_errors_total{cache="users",level="map",kind="io"})"), 0);
  EXPECT_EQ(told.value(R"(terrace_entries{cache="users",level="memory"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_entries{cache="users",level="map"})"), 1);
  EXPECT_GT(told.value(R"(terrace_size_bytes{cache="users",level="memory"})"), 0);
  EXPECT_EQ(told.value(R"(terrace_writes_total{cache="users"})"), 1);
  EXPECT_EQ(told.families.at("terrace_hits_total").type, "counter");
  EXPECT_EQ(told.families.at("terrace_entries").type, "gauge");
}

TEST_F(MetricsTest, EntriesThatLeaveAreCountedByCause) {
  auto small = make({.name = "small", .max_entries = 1, .ttl = 10s});
  metrics_.add(small);
  small.set("a", "1").value();
  small.set("b", "2").value();
  small.erase("b").value();
  EXPECT_EQ(value(R"(terrace_evictions_total{cache="small",level="memory",cause="capacity"})"), 1);
  EXPECT_EQ(value(R"(terrace_evictions_total{cache="small",level="memory",cause="invalidated"})"), 1);
  EXPECT_EQ(value(R"(terrace_evictions_total{cache="small",level="memory",cause="expired"})"), 0);
}

TEST_F(MetricsTest, TimesAreInSecondsUnderAscendingBounds) {
  auto users = make({.name = "users"});
  metrics_.add(users);
  tier_->plan({.kind = testing::Fault::Kind::delay, .delay = 40ms});
  EXPECT_FALSE(users.get("k"));
  tier_->plan({.kind = testing::Fault::Kind::delay, .delay = 2ms});
  EXPECT_FALSE(users.get("k"));
  const Exposition told(metrics_.text());
  const auto bucket = [&](const std::string& le) {
    return told.value(R"(terrace_read_duration_seconds_bucket{cache="users",level="map",le=")" + le + "\"}");
  };
  EXPECT_EQ(bucket("0.0001"), 0);
  EXPECT_EQ(bucket("0.0025"), 1);
  EXPECT_EQ(bucket("0.025"), 1);
  EXPECT_EQ(bucket("0.05"), 2);
  EXPECT_EQ(bucket("+Inf"), 2);
  EXPECT_DOUBLE_EQ(told.value(R"(terrace_read_duration_seconds_sum{cache="users",level="map"})"), 0.042);
  EXPECT_EQ(told.value(R"(terrace_read_duration_seconds_count{cache="users",level="map"})"), 2);
  EXPECT_TRUE(std::isnan(told.value(R"(terrace_read_duration_seconds_count{cache="users",level="memory"})")))
      << "memory's reads are not measured";
  EXPECT_EQ(told.value(R"(terrace_load_duration_seconds_count{cache="users"})"), 0);
}

TEST_F(MetricsTest, WhatACacheDoesNotHaveIsLeftOut) {
  auto users = make({.name = "users"});
  metrics_.add(users);
  const Exposition told(metrics_.text());
  for (const char* absent : {"terrace_reachable", "terrace_breaker_open", "terrace_watching",
                             "terrace_staleness_seconds", "terrace_journal_lag_seconds"}) {
    EXPECT_FALSE(told.families.contains(absent)) << absent;
  }
}

TEST_F(MetricsTest, CachesAreToldApartByTheirNames) {
  EXPECT_EQ(metrics_.text(), "");
  auto users = make({.name = "users"});
  auto orders = make({.name = "orders"});
  auto again = make({.name = "users"});
  metrics_.add(users);
  metrics_.add(orders);
  try {
    metrics_.add(again);
    ADD_FAILURE() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("\"users\""), std::string::npos) << error.what();
  }
  EXPECT_FALSE(users.get("k"));
  EXPECT_EQ(value(R"(terrace_misses_total{cache="users",level="memory"})"), 1);
  EXPECT_EQ(value(R"(terrace_misses_total{cache="orders",level="memory"})"), 0);
  EXPECT_TRUE(metrics_.remove("users"));
  EXPECT_FALSE(metrics_.remove("users"));
  EXPECT_EQ(metrics_.text().find("users"), std::string::npos);
  metrics_.add(again);
}

TEST_F(MetricsTest, ACacheThatIsGoneIsStillTold) {
  {
    auto users = make({.name = "users"});
    metrics_.add(users);
    EXPECT_FALSE(users.get("k"));
  }
  EXPECT_EQ(value(R"(terrace_misses_total{cache="users",level="memory"})"), 1);
}

TEST_F(MetricsTest, CountersOnlyGrowWhileCachesAreUsed) {
  auto users = make({.name = "users"});
  metrics_.add(users);
  users.set("k", "v").value();
  constexpr std::uint64_t each = 20'000;
  std::vector<std::jthread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      for (std::uint64_t i = 0; i < each; ++i) ASSERT_TRUE(users.get("k"));
    });
  }
  double last = 0;
  while (last < 3 * each && !HasFatalFailure()) {
    const double now = value(R"(terrace_hits_total{cache="users",level="memory"})");
    ASSERT_GE(now, last);
    ASSERT_LE(now, 3 * each);
    last = now;
  }
}

TEST(MetricsOverRedis, PromtoolFindsNothingToSay) {
  EveryMetric every;
  const std::string text = every.text();
  const std::string file = every.folder.file("metrics.txt");
  std::ofstream(file) << text;
  EXPECT_EQ(testing::run_program({"sh", "-c", "promtool check metrics < \"$1\"", "sh", file}), "");
  const Exposition told(text);
  EXPECT_TRUE(told.unknown.empty());
  for (const auto& [name, family] : told.families) EXPECT_FALSE(family.help.empty()) << name;
}

TEST(MetricsOverRedis, TellWhetherTheServerIsThere) {
  EveryMetric every;
  Exposition told(every.text());
  EXPECT_EQ(told.value(R"(terrace_reachable{cache="users",level="redis"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_breaker_open{cache="users",level="redis"})"), 0);
  EXPECT_EQ(told.value(R"(terrace_watching{cache="users"})"), 1);
  EXPECT_LT(told.value(R"(terrace_staleness_seconds{cache="users"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_max_staleness_seconds{cache="users"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_invalidations_sent_total{cache="users"})"), 1);
  every.server.stop();
  EXPECT_TRUE(testing::eventually([&] {
    told = Exposition(every.metrics.text());
    return told.value(R"(terrace_reachable{cache="users",level="redis"})") == 0 &&
           told.value(R"(terrace_watching{cache="users"})") == 0;
  }));
  EXPECT_FALSE(told.families.contains("terrace_staleness_seconds")) << "there is no bound now";
  every.server.start();
  EXPECT_TRUE(testing::eventually([&] {
    told = Exposition(every.metrics.text());
    return told.value(R"(terrace_reachable{cache="users",level="redis"})") == 1 &&
           told.value(R"(terrace_watching{cache="users"})") == 1;
  }));
}

TEST(MetricsOverRedis, TellWhatAnotherProcessChanged) {
  EveryMetric every;
  const auto received = [&] {
    return Exposition(every.metrics.text()).value(R"(terrace_invalidations_received_total{cache="users"})");
  };
  (void)every.text();
  EXPECT_TRUE(every.users.get("k"));
  const double before = received();
  every.server.cli({"DEL", "users:k"});
  EXPECT_TRUE(testing::eventually([&] { return received() > before; }));
}

TEST(MetricsOverRedis, TellWhatTheJournalHolds) {
  EveryMetric every;
  every.orders.flush().value();
  const Exposition told(every.text());
  EXPECT_EQ(told.value(R"(terrace_journal_acknowledged_total{cache="orders"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_journal_flushed_total{cache="orders"})"), 1);
  EXPECT_EQ(told.value(R"(terrace_journal_pending_changes{cache="orders"})"), 0);
  EXPECT_EQ(told.value(R"(terrace_journal_lag_seconds{cache="orders"})"), 0);
  EXPECT_GT(told.value(R"(terrace_journal_size_bytes{cache="orders"})"), 0);
}

}  // namespace
}  // namespace terrace
