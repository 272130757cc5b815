// Every topology that a tier URL can name, replayed against with real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/replayed.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Words with_tiers(const Words& urls) {
  Words arguments{golden_trace, "--memory-entries", "50", "--origin-latency", "100us", "--threads", "2"};
  for (const std::string& url : urls) arguments.insert(arguments.end(), {"--tier", url});
  return arguments;
}

Words names(const Replayed& replayed) {
  Words all;
  for (const auto& level : replayed.json.at("levels").as_array())
    all.emplace_back(level.at("name").as_string());
  return all;
}

/// On a machine that is busy with other things a level may not answer in time, or not take a value: then keys
/// are loaded again. Memory alone would load about 2,000 times.
constexpr std::uint64_t few_keys = golden_keys / 5;

/// A first replay loads each key about once, a second one finds them. Memory is a level, too.
void expect_to_replay(const Words& urls, const Words& levels) {
  const Replayed first = replay(with_tiers(urls));
  expect_to_add_up(first);
  EXPECT_EQ(names(first), levels);
  EXPECT_EQ(first.number("requests"), golden_requests);
  EXPECT_EQ(first.number("errors"), 0U);
  // A key that memory has dropped may be asked for again before the levels below have taken its value.
  EXPECT_GE(first.number("loads"), golden_keys);
  EXPECT_LE(first.number("loads"), golden_keys + few_keys) << first.ended.err;
  EXPECT_GT(first.level_number(1, "hits"), 0U);
  const Replayed second = replay(with_tiers(urls));
  expect_to_add_up(second);
  EXPECT_LE(second.number("loads"), few_keys) << second.ended.err;
}

int keys_of(const testing::RedisServer& server) {
  return std::stoi(server.cli({"DBSIZE"}));
}

TEST(ReplayTiers, ACluster) {
  testing::RedisCluster cluster({.replicas = 0});
  expect_to_replay({cluster.url()}, {"memory", "redis-cluster"});
  for (std::size_t i = 0; i < cluster.size(); ++i) EXPECT_GT(keys_of(cluster.node(i)), 0);
}

TEST(ReplayTiers, TwoShards) {
  testing::RedisServer one, two;
  expect_to_replay({"sharded:one=" + one.url() + ",two*2=" + two.url()}, {"memory", "sharded"});
  EXPECT_GT(keys_of(one), 100);
  EXPECT_GT(keys_of(two), keys_of(one));
}

TEST(ReplayTiers, ThreeReplicasWhenOneOfThemIsLost) {
  testing::RedisServer one, two, three;
  const std::string url =
      "replicated:" + one.url() + "," + two.url() + "," + three.url() + "?consistency=strong";
  expect_to_replay({url}, {"memory", "replicated"});
  two.kill9();
  const Replayed without = replay(with_tiers({url}));
  expect_to_add_up(without);
  EXPECT_LE(without.number("loads"), few_keys) << "two of three have everything\n" << without.ended.err;
}

TEST(ReplayTiers, PostgresAboveSqlite) {
  testing::PostgresServer postgres;
  TempFolder folder;
  expect_to_replay({postgres.url(), "sqlite:" + folder.path("cache.db")}, {"memory", "postgres", "sqlite"});
}

TEST(ReplayTiers, TheUpperOneFirstAndEachWithANameOfItsOwn) {
  testing::RedisServer upper, lower;
  const Words urls{upper.url(), lower.url()};
  EXPECT_EQ(names(replay(with_tiers(urls))), (Words{"memory", "redis", "redis#2"}));
  upper.cli({"FLUSHALL"});
  const Replayed again = replay(with_tiers(urls));
  EXPECT_LE(again.number("loads"), few_keys);
  EXPECT_GE(again.level_number(2, "hits"), golden_keys - few_keys) << "only the lower one has them";
}

TEST(ReplayTiers, RedisAndSqliteAreShortForTiers) {
  testing::RedisServer server;
  TempFolder folder;
  const std::string path = folder.path("a,sqlite:b?c%41 [d].db");
  const Words head{golden_trace, "--origin-latency", "0"};
  Words shorts = head;
  shorts.insert(shorts.end(), {"--sqlite", path, "--redis", server.url()});
  EXPECT_EQ(names(replay(shorts)), (Words{"memory", "redis", "sqlite"}));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(ReplayTiers, NamesTheShardThatDoesNotAnswer) {
  testing::RedisServer one;
  const std::string away = "127.0.0.1:" + std::to_string(testing::free_port());
  const Replayed replayed = replay(with_tiers({"sharded:" + one.url() + ",redis://:s3cret@" + away}));
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("errors"), 0U);
  EXPECT_GT(replayed.level_number(1, "hits"), 0U) << "the other shard goes on";
  EXPECT_GT(replayed.level_number(1, "errors"), 0U);
  EXPECT_THAT(replayed.ended.err, HasSubstr("terrace: sharded does not answer"));
  EXPECT_THAT(replayed.ended.err, HasSubstr(away));
  EXPECT_THAT(replayed.ended.err, Not(HasSubstr("s3cret")));
}

TEST(ReplayTiers, RefusesUrlsThatCannotBeRight) {
  const std::vector<std::pair<Words, std::string>> cases{
      {{"--tier", "http://:s3cret@h"},
       "Tier URL: the scheme \"http\" is unknown; the known ones are redis://"},
      {{"--tier", ""}, "Tier URL: it is empty"},
      {{"--tier"}, "--tier: 1 required"},
      {{"--tier", "sharded:"}, "sharded: the list is empty"},
      {{"--tier", "redis://a", "--tier", "sharded:redis://:s3cret@a,redis://a"}, "two members are called"},
      {{"--tier", "replicated:redis://:s3cret@a,redis://b?copies=3"},
       "copies is 3, but there are only 2 nodes"},
      {{"--tier", "replicated:redis://a?consistancy=strong"}, "the known ones are consistency"},
      {{"--tier", "sqlite:/nowhere/at/all.db"}, "/nowhere/at/all.db"},
      {{"--tier", "redis://:s3cret@a", "--redis", "redis://b"},
       "--tier cannot be combined with --redis and --sqlite"},
      {{"--tier", "redis://a", "--sqlite", "x.db"},
       "the upper one first, as in --tier redis://127.0.0.1 --tier 'sqlite:cache.db?scope=fleet'"},
  };
  for (const auto& [more, says] : cases) {
    Words arguments{"replay", golden_trace};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = terrace(arguments);
    EXPECT_EQ(ended.code, 2) << says << ended.out;
    EXPECT_THAT(ended.err, ::testing::StartsWith("terrace: "));
    EXPECT_THAT(ended.err, HasSubstr(says));
    EXPECT_THAT(ended.err, Not(HasSubstr("s3cret")));
    EXPECT_EQ(ended.out, "");
  }
}

}  // namespace
}  // namespace terrace::cli_test
