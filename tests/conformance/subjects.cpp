#include "conformance/subjects.hpp"

#include <terrace/postgres.hpp>
#include <terrace/redis.hpp>
#include <terrace/redis_cluster.hpp>
#include <terrace/runtime.hpp>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"

namespace terrace::conformance {
namespace {

using namespace terrace::testing;

/// One server for all tests of a program: each begins on an empty one.
Fixture redis(const std::string& key_prefix, bool unix_socket) {
  static const auto server = std::make_shared<RedisServer>(RedisServerOptions{.unix_socket = true});
  server->cli({"FLUSHALL"});
  const std::string url = unix_socket ? server->unix_url() : server->url();
  return {make_redis_tier({.url = url, .key_prefix = key_prefix}), server};
}

Fixture cluster(const std::string& key_prefix) {
  static const auto servers = std::make_shared<RedisCluster>();
  servers->on_primaries({"FLUSHALL"});
  ClusterOptions options = parse_cluster_url(servers->url());
  options.node.key_prefix = key_prefix;
  return {make_cluster_tier(options), servers};
}

/// One server for all tests of a program: each has a table of its own.
Fixture postgres() {
  static const auto server = std::make_shared<PostgresServer>();
  static int tables = 0;
  return {make_postgres_tier({.url = server->url(), .table = "cache_" + std::to_string(++tables)}), server};
}

Fixture sqlite() {
  const auto folder = std::make_shared<TempDir>();
  return {make_sqlite_tier({.path = folder->file("cache.db")}), folder};
}

}  // namespace

std::vector<Subject> subjects() {
  return {
      {"Map",
       [] {
         return Fixture{std::make_shared<MapTier>(), nullptr};
       }},
      {"Null",
       [] {
         return Fixture{std::make_shared<NullTier>(), nullptr};
       },
       false},
      {.name = "FaultyWithoutFaults",
       .make =
           [] {
             return Fixture{
                 std::make_shared<FaultyTier>(std::make_shared<MapTier>(), std::make_shared<Runtime>()),
                 nullptr};
           }},
      {.name = "SharedMap",
       .make =
           [] {
             return Fixture{std::make_shared<SharedMapTier>(), nullptr};
           },
       .shared = true},
      {.name = "Sqlite", .make = sqlite},
      {.name = "Postgres", .make = postgres},
      {.name = "Redis", .make = [] { return redis("", false); }, .shared = true},
      {.name = "RedisWithPrefix", .make = [] { return redis("app:", false); }, .shared = true},
      {.name = "Cluster", .make = [] { return cluster(""); }, .shared = true},
      {.name = "ClusterWithPrefix", .make = [] { return cluster("{app}:"); }, .shared = true},
      {.name = "RedisOverUnixSocket", .make = [] { return redis("", true); }, .shared = true},
  };
}

std::vector<Subject> shared_subjects() {
  auto all = subjects();
  std::erase_if(all, [](const Subject& subject) { return !subject.shared; });
  return all;
}

}  // namespace terrace::conformance
