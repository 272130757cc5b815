#include <algorithm>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"
#include "upkeep/monitor_fixture.hpp"

namespace terrace {
namespace {

using testing::eventually;

bool names(const Health& health, HealthIssue::Kind kind, const std::string& level = "") {
  return std::any_of(health.issues.begin(), health.issues.end(),
                     [&](const HealthIssue& issue) { return issue.kind == kind && issue.level == level; });
}

TEST(MonitorRedis, AServerThatStopsIsNamedAndRecovers) {
  testing::RedisServer server;
  Cache<std::string> cache({.name = "users"}, {make_redis_tier({.url = server.url()})});
  Monitor monitor({.window = 200ms, .interval = 20ms});
  monitor.watch(cache);
  std::mutex mutex;
  std::string story;
  monitor.add_sink([&](const AlertNotice& notice) {
    const std::lock_guard lock(mutex);
    story += std::string(to_string(notice.kind)) + "; ";
  });
  const auto told = [&](const std::string& what) {
    const std::lock_guard lock(mutex);
    return story == what;
  };
  EXPECT_TRUE(eventually([&] { return cache.set("a", "b") && monitor.health().healthy; }))
      << "it has connected";
  monitor.add_rule({.name = "away", .when = "levels_away > 0"});

  server.stop();
  EXPECT_TRUE(eventually([&] {
    (void)cache.get("somebody asks");
    const Health health = monitor.health();
    return names(health, HealthIssue::Kind::level_away, "redis") &&
           names(health, HealthIssue::Kind::gate_shut);
  }));
  EXPECT_TRUE(eventually([&] { return told("fired; "); }));

  server.start();
  EXPECT_TRUE(eventually([&] { return cache.set("a", "b") && monitor.health().healthy; }, 30s));
  EXPECT_TRUE(eventually([&] { return told("fired; recovered; "); }));
}

}  // namespace
}  // namespace terrace
