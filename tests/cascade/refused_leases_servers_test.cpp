/// A Redis that answers reads and refuses what a load needs: it shows in the counters, in health and in the log.

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <sstream>
#include <terrace/cache.hpp>
#include <terrace/monitor.hpp>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;

/// What is written to the log meanwhile.
class Logged {
 public:
  Logged() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "captured", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  const std::shared_ptr<spdlog::logger> before_;
};

Strings process(const std::string& url) {
  return Strings({.name = "app", .ttl = 1h, .tier_timeout = 10s}, {make_redis_tier({.url = url})});
}

int count_of(const std::string& text, const std::string& what) {
  int count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

void shows_refusals(Strings& cache, const std::string& in_log) {
  Monitor monitor;
  monitor.watch(cache);
  const Logged logged;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(cache.get_or_load("k" + std::to_string(i), [] { return std::string("v"); }).value(), "v")
        << "the program goes on";
  }
  ASSERT_TRUE(cache.flush());
  const LevelStats redis = cache.stats().levels[1];
  EXPECT_GE(redis.lease_errors, 200U);
  EXPECT_EQ(redis.reachable, true) << "nothing else shows it";
  EXPECT_NE(logged.text().find("cache app: level redis does not take what is loaded"), std::string::npos);
  EXPECT_NE(logged.text().find(in_log), std::string::npos) << logged.text();
  EXPECT_EQ(count_of(logged.text(), "does not take"), 1) << "once a minute";
  bool found = false;
  for (const HealthIssue& issue : monitor.health().issues) {
    if (issue.kind != HealthIssue::Kind::lease_errors) continue;
    found = true;
    EXPECT_EQ(issue.level, "redis");
    EXPECT_NE(issue.what.find("leases or fills"), std::string::npos) << issue.what;
  }
  EXPECT_TRUE(found);
}

TEST(RefusedLeases, CORE7_AUserWithoutACommandOfTheScriptsShows) {
  testing::RedisServer server;
  server.cli({"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-pttl", "-del"});
  auto cache = process("redis://app:pw@127.0.0.1:" + std::to_string(server.port()));
  shows_refusals(cache, "denied");
}

TEST(RefusedLeases, CORE7_AUserWithoutScriptsShows) {
  testing::RedisServer server;
  server.cli({"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-@scripting"});
  auto cache = process("redis://app:pw@127.0.0.1:" + std::to_string(server.port()));
  shows_refusals(cache, "NOPERM");
}

TEST(RefusedLeases, CORE7_ARenamedCommandShows) {
  testing::RedisServer server(
      {.arguments = {"--rename-command", "EVALSHA", "", "--rename-command", "EVAL", ""}});
  auto cache = process(server.url());
  shows_refusals(cache, "terrace needs this command");
}

TEST(RefusedLeases, CORE7_AFullServerShows) {
  testing::RedisServer server({.arguments = {"--maxmemory", "1", "--maxmemory-policy", "noeviction"}});
  auto cache = process(server.url());
  shows_refusals(cache, "full");
}

/// The control: the rest of a server that takes everything.
TEST(RefusedLeases, AServerThatTakesThemCountsNothing) {
  testing::RedisServer server;
  auto cache = process(server.url());
  ASSERT_TRUE(cache.get_or_load("k", [] { return std::string("v"); }));
  ASSERT_TRUE(cache.flush());
  EXPECT_EQ(cache.stats().levels[1].lease_errors, 0U);
}

TEST(DefaultName, IsWarnedOfOverASharedTier) {
  testing::RedisServer server;
  const auto said = [&](const std::string& name, bool shared) {
    const Logged logged;
    std::vector<std::shared_ptr<Tier>> tiers;
    if (shared) tiers.push_back(make_redis_tier({.url = server.url()}));
    const Strings cache({.name = name}, std::move(tiers));
    return count_of(logged.text(), "give each cache a name of its own");
  };
  EXPECT_EQ(said("default", true), 1);
  EXPECT_EQ(said("default", false), 0);
  EXPECT_EQ(said("app", true), 0);
}

/// COH11: exactly the list of docs/reliability.md, which is read from there.
TEST(DocumentedAcl, COH11_IsEnoughForEverything) {
  std::ifstream page(TERRACE_RELIABILITY);
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  const auto begin = text.find("- **An ACL user** needs"), end = text.find("`DocumentedAcl", begin);
  ASSERT_NE(begin, std::string::npos);
  const std::string part = text.substr(begin, end - begin);
  std::vector<std::string> rules = {"ACL", "SETUSER", "app", "on", ">pw", "resetkeys", "-@all"};
  for (auto at = part.find('`'); at != std::string::npos; at = part.find('`', at + 1)) {
    const auto close = part.find('`', at + 1);
    std::string word = part.substr(at + 1, close - at - 1);
    at = close;
    if (word == "key_prefix") continue;
    const bool pattern = word.find_first_of("*{") != std::string::npos || word.find('~') != std::string::npos;
    if (!pattern) {
      rules.push_back("+" + word);
      continue;
    }
    // P is empty, NAME is app.
    if (const auto name = word.find("PNAME"); name != std::string::npos) word.replace(name, 5, "app");
    if (const auto prefix = word.find("{P}"); prefix != std::string::npos) word.replace(prefix, 3, "{}");
    rules.push_back("~" + word);
  }
  ASSERT_GT(rules.size(), 20U);
  testing::RedisServer server;
  ASSERT_EQ(server.cli(rules), "OK");
  const std::string url = "redis://app:pw@127.0.0.1:" + std::to_string(server.port());
  auto a = process(url), b = process(url);
  ASSERT_TRUE(testing::eventually([&] { return a.stats().watching == true && b.stats().watching == true; }));
  ASSERT_TRUE(a.set("set", "v"));
  ASSERT_TRUE(a.set("tagged", "v", {.tags = {"t"}}));
  const CacheOptions short_lease{.name = "app", .ttl = 1h, .lease_time = 90ms, .tier_timeout = 10s};
  Strings renewing(short_lease, {make_redis_tier({.url = url})});
  EXPECT_TRUE(renewing.get_or_load("renewed", [&] {
    EXPECT_TRUE(testing::eventually([&] {  // the lease is renewed meanwhile
      return server.cli({"INFO", "commandstats"}).find("cmdstat_pexpire") != std::string::npos;
    }));
    return std::string("v");
  }));
  EXPECT_TRUE(a.get_or_load("loaded", [] { return std::string("v"); }, {.tags = {"u"}}));
  ASSERT_TRUE(a.flush());
  ASSERT_TRUE(renewing.flush());
  for (const char* key : {"set", "tagged", "renewed", "loaded"}) EXPECT_EQ(*b.get(key), "v") << key;
  ASSERT_TRUE(b.invalidate_tag("t"));
  ASSERT_TRUE(b.invalidate_tag("u", {.soft = true}));
  ASSERT_TRUE(b.erase("set"));
  for (const char* key : {"set", "tagged"}) {
    EXPECT_TRUE(testing::eventually([&] { return !a.get(key); })) << key;
  }
  EXPECT_TRUE(b.invalidate_prefix("ren"));
  EXPECT_TRUE(b.invalidate_glob("load*"));
  EXPECT_TRUE(b.clear());
  for (const Strings* cache : {&a, &b, &renewing}) {
    const LevelStats redis = cache->stats().levels[1];
    EXPECT_EQ(redis.lease_errors, 0U);
    EXPECT_EQ(redis.errors, 0U);
    EXPECT_EQ(cache->stats().write_failures, 0U);
  }
  const std::string denied = server.cli({"ACL", "LOG"});
  for (const char* command : {"info", "role"}) {
    EXPECT_EQ(denied.find(command), std::string::npos) << "named in the list: " << denied;
  }
}

}  // namespace
}  // namespace terrace
