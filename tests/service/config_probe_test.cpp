/// probe: what real servers say when a configuration is checked against them.

#include <gmock/gmock.h>

#include "service/config_fixture.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace service_test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::RedisServer;
using testing::RedisServerOptions;

std::string probed(const std::string& url, Duration limit = 5s) {
  return lines(probe(Config::parse("\n[tiers.r]\nurl = \"" + url + "\"\n", source()), limit));
}

TEST(Probe, IsContentWithAServerThatEvictsWhatIsUsedLeast) {
  RedisServer server(
      RedisServerOptions{.arguments = {"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lfu"}});
  EXPECT_EQ(probed(server.url()), "");
}

TEST(Probe, WarnsOfServersThatEvictNothing) {
  RedisServer endless;
  EXPECT_THAT(probed(endless.url()), HasSubstr("terrace.toml:3: warning: tiers.r.url: redis://127.0.0.1:"));
  EXPECT_THAT(probed(endless.url()), HasSubstr("has no maxmemory"));
  RedisServer full(
      RedisServerOptions{.arguments = {"--maxmemory", "50mb", "--maxmemory-policy", "noeviction"}});
  EXPECT_THAT(probed(full.url()), HasSubstr("warning: tiers.r.url: redis://127.0.0.1:"));
  EXPECT_THAT(probed(full.url()), HasSubstr("when it is full it rejects writes"));
}

TEST(Probe, RefusesNodesThatEvict) {
  RedisServer node;
  RedisServer forgets(
      RedisServerOptions{.arguments = {"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"}});
  const std::string found = probed("replicated:" + node.url() + "," + forgets.url());
  EXPECT_THAT(found, HasSubstr("mistake: tiers.r.url: redis://127.0.0.1:" + std::to_string(forgets.port())));
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << found;
}

TEST(Probe, FindsServersThatAreAwayOrShutOut) {
  RedisServer away;
  away.stop();
  EXPECT_THAT(probed(away.url()), HasSubstr("terrace.toml:3: mistake: tiers.r.url: redis://127.0.0.1:"));
  RedisServer guarded(RedisServerOptions{.password = "s3cretS3CRET"});
  const std::string wrong = "redis://:wr0ngWR0NG@127.0.0.1:" + std::to_string(guarded.port());
  EXPECT_THAT(probed(wrong), HasSubstr("mistake: tiers.r.url"));
  EXPECT_THAT(probed(wrong), ::testing::Not(HasSubstr("wr0ng")));
}

TEST(Probe, EndsWithItsLimitWhenAServerStandsStill) {
  RedisServer server;
  server.freeze();
  const auto begin = system_clock().now();
  EXPECT_THAT(probed(server.url(), 300ms), HasSubstr("mistake"));
  EXPECT_LT(system_clock().now() - begin, 5s);
  server.thaw();
}

TEST(Probe, AsksTheSeedsOfACluster) {
  testing::RedisCluster cluster({.primaries = 3, .replicas = 0});
  const std::string found = probed(cluster.url());
  EXPECT_THAT(found, HasSubstr("127.0.0.1:" + std::to_string(cluster.node(0).port()) + " ("));
  EXPECT_THAT(found, ::testing::Not(HasSubstr("mistake")));
}

TEST(Probe, LooksAtFilesWithoutMakingThem) {
  testing::TempDir place;
  EXPECT_EQ(probed("sqlite:" + place.file("x.db")), "");
  EXPECT_THAT(probed("sqlite:" + place.file("x.db") + "?mode=ro"), HasSubstr("does not exist"));
  EXPECT_FALSE(std::filesystem::exists(place.file("x.db")));
  write_file(place.file("y.db"), "this is no database, however long one looks at it; not at all\n");
  EXPECT_THAT(probed("sqlite:" + place.file("y.db")), HasSubstr("is not a SQLite file"));
}

TEST(Probe, LogsInToPostgres) {
  ASSERT_TRUE(testing::PostgresServer::available());
  testing::PostgresServer server;
  EXPECT_EQ(probed(server.url()), "");
  EXPECT_EQ(server.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'terrace_cache'"), "0");
  EXPECT_THAT(probed(server.url("nobody:s3cretS3CRET")), HasSubstr("mistake: tiers.r.url"));
  server.stop();
  EXPECT_THAT(probed(server.url()), HasSubstr("mistake: tiers.r.url"));
}

}  // namespace
}  // namespace terrace
