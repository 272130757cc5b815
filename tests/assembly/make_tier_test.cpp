#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <future>
#include <terrace/replicated_tier.hpp>
#include <terrace/sharded_tier.hpp>
#include <terrace/tier_url.hpp>

#include "support/child_process.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

template <class T, class Operation>
Result<T> ask(Operation operation) {
  std::promise<Result<T>> told;
  operation(after(system_clock().now(), 2s), [&](Result<T> outcome) { told.set_value(std::move(outcome)); });
  return told.get_future().get();
}

/// Once the tier has taken it.
bool set(Tier& tier, std::string_view key, std::string_view value) {
  return testing::eventually([&] {
    return ask<void>(
               [&](TimePoint deadline, auto done) { tier.set(key, value, 60s, deadline, std::move(done)); })
        .has_value();
  });
}

std::string get(Tier& tier, std::string_view key) {
  const auto found =
      ask<Found>([&](TimePoint deadline, auto done) { tier.get(key, deadline, std::move(done)); });
  if (!found) return found.error().message();
  return *found ? **found : "nothing";
}

/// The tier holds what it is given under 30 keys.
void expect_to_hold(const std::string& url, std::string_view name) {
  const auto tier = make_tier(url);
  EXPECT_EQ(tier->name(), name);
  for (int i = 0; i < 30; ++i) {
    const std::string key = "key " + std::to_string(i);
    ASSERT_TRUE(set(*tier, key, key)) << url << get(*tier, key);
    ASSERT_EQ(get(*tier, key), key);
  }
  tier->close();
}

/// Before, an exception of Boost.
TEST(MakeTier, ASystemWithoutFileDescriptorsIsAConfigError) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer makes a pipe to check a pointer";
#endif
  const auto runtime = std::make_shared<Runtime>();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::string said = "it was made";
  try {
    static_cast<void>(make_tier("redis://127.0.0.1:1", runtime));
  } catch (const ConfigError& refused) {
    said = refused.what();
  } catch (const std::exception& other) {
    said = std::string("another exception: ") + other.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_NE(said.find("redis://127.0.0.1:1"), std::string::npos) << said;
  EXPECT_NE(said.find("raise its limit (ulimit -n"), std::string::npos) << said;
}

TEST(MakeTier, EveryStore) {
  testing::TempDir folder;
  testing::RedisServer redis({.password = "s3cret", .unix_socket = true});
  testing::PostgresServer postgres;
  testing::RedisCluster cluster({.replicas = 0, .password = "s3cret"});
  expect_to_hold(redis.url(), "redis");
  expect_to_hold(redis.unix_url(), "redis");
  expect_to_hold(cluster.url(), "redis-cluster");
  expect_to_hold("sqlite:" + folder.file("cache.db"), "sqlite");
  expect_to_hold(postgres.url(), "postgres");
  expect_to_hold("sharded:" + cluster.url() + "," + redis.url() + ",sqlite:" + folder.file("b.db"),
                 "sharded");
}

TEST(MakeTier, ShardsHaveTheNamesOfTheUrl) {
  testing::TempDir folder;
  const auto tier = make_tier("sharded:sqlite:" + folder.file("a") + ",heavy*3=sqlite:" + folder.file("b"));
  const auto shards = std::dynamic_pointer_cast<ShardedTier>(tier)->shards();
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(tier->scope(), Scope::machine);
  EXPECT_EQ(make_tier("sharded:sqlite:" + folder.file("c") + "?scope=fleet")->scope(), Scope::fleet);
  EXPECT_EQ(make_tier("sqlite:" + folder.file("c"))->scope(), Scope::machine);
  const auto reader = make_tier("sqlite:" + folder.file("c") + "?mode=ro&scope=fleet");
  EXPECT_EQ(reader->scope(), Scope::fleet);
  std::optional<Error> refused;
  reader->set("k", "v", {}, no_deadline, [&](const Result<void>& done) { refused = done.error(); });
  reader->close();
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(*refused == Errc::denied || *refused == Errc::shutdown) << refused->message();
  EXPECT_THROW(make_tier("sqlite:" + folder.file("none") + "?mode=ro"), ConfigError);
  EXPECT_EQ(shards[0].name, "sqlite:" + folder.file("a"));
  EXPECT_EQ(shards[1].name, "heavy");
  EXPECT_NEAR(shards[1].share.value(), 0.75, 0.03);
}

TEST(MakeTier, AShardedTierOfReplicatedOnes) {
  std::vector<std::unique_ptr<testing::RedisServer>> servers;
  for (int i = 0; i < 4; ++i) servers.push_back(std::make_unique<testing::RedisServer>());
  const auto pair = [&](std::size_t i) {
    return "[replicated:" + servers[i]->url() + "," + servers[i + 1]->url() + "?consistency=strong]";
  };
  expect_to_hold("sharded:left=" + pair(0) + ",right=" + pair(2), "sharded");
  const auto keys = [&](std::size_t i) { return std::stoi(servers[i]->cli({"DBSIZE"})); };
  EXPECT_GT(keys(0), 1);
  EXPECT_GT(keys(2), 1);
  EXPECT_EQ(keys(0), keys(1)) << "two copies of each key";
  EXPECT_EQ(keys(2), keys(3));
}

TEST(MakeTier, ThePrefixStandsBeforeEveryKeyInRedis) {
  testing::RedisServer one, two;
  const auto tier =
      make_tier("sharded:" + one.url() + "," + two.url(), Runtime::common(), {.key_prefix = "app:"});
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(one.cli({"KEYS", "*"}) + two.cli({"KEYS", "*"}), "app:k");
}

/// What only the factories find out.
TEST(MakeTier, RefusesWhatTheTiersRefuse) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"replicated:redis://:s3cret@a,redis://b?copies=3", "copies is 3, but there are only 2 nodes"},
      {"replicated:redis://:s3cret@a,redis://b,redis://c?consistency=strong&read_quorum=1&write_quorum=2",
       "1 + 2"},
      {"sharded:a*1000=redis://:s3cret@a,b*1000=redis://b,c*1000=redis://c", "the weights add up to 3000"},
      {"postgres://u:s3cret@h/d?nonsense=1", "PostgresOptions::url cannot be read"},
      {"sqlite:/nowhere/at/all.db", "/nowhere/at/all.db"}};
  for (const auto& [url, says] : cases) {
    try {
      make_tier(url);
      ADD_FAILURE() << "accepted: " << url;
    } catch (const ConfigError& refused) {
      EXPECT_THAT(refused.what(), ::testing::StartsWith("Tier URL: "));
      EXPECT_THAT(refused.what(), HasSubstr(says));
      EXPECT_THAT(refused.what(), Not(HasSubstr("s3cret")));
    }
  }
  EXPECT_THROW(make_tier("redis://h", nullptr), ConfigError);
}

}  // namespace
}  // namespace terrace
