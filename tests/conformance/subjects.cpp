#include "conformance/subjects.hpp"

#include <algorithm>
#include <stdexcept>
#include <terrace/postgres.hpp>
#include <terrace/redis.hpp>
#include <terrace/redis_cluster.hpp>
#include <terrace/replicated_tier.hpp>
#include <terrace/runtime.hpp>
#include <terrace/sharded_tier.hpp>
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

/// Once every node is a member.
std::shared_ptr<Tier> replicated(Consistency consistency, std::vector<std::shared_ptr<Tier>> tiers) {
  ReplicatedOptions options;
  options.consistency = consistency;
  for (auto& tier : tiers) {
    options.nodes.push_back({"node " + std::to_string(options.nodes.size()), std::move(tier)});
  }
  const auto tier = make_replicated_tier(std::move(options));
  const bool ready = eventually([&] {
    const auto status = replicated_status(*tier).value();
    return std::all_of(status.nodes.begin(), status.nodes.end(),
                       [](const auto& node) { return node.member; });
  });
  if (!ready) throw std::runtime_error("the nodes of a replicated tier do not become members");
  return tier;
}

Fixture replicated_maps(Consistency consistency) {
  std::vector<std::shared_ptr<Tier>> maps;
  for (int i = 0; i < 3; ++i) maps.push_back(std::make_shared<VersionedMapTier>());
  return {replicated(consistency, std::move(maps)), nullptr};
}

/// The same servers for all tests of a program: each begins on empty ones.
std::shared_ptr<std::vector<std::unique_ptr<RedisServer>>> three_servers() {
  static const auto servers = [] {
    auto all = std::make_shared<std::vector<std::unique_ptr<RedisServer>>>();
    for (int i = 0; i < 3; ++i) all->push_back(std::make_unique<RedisServer>());
    return all;
  }();
  for (const auto& server : *servers) server->cli({"FLUSHALL"});
  return servers;
}

Fixture replicated_redis(Consistency consistency) {
  const auto servers = three_servers();
  std::vector<std::shared_ptr<Tier>> tiers;
  for (const auto& server : *servers) tiers.push_back(make_redis_tier({.url = server->url()}));
  return {replicated(consistency, std::move(tiers)), servers};
}

Fixture sharded_map() {
  std::vector<Shard> shards;
  for (const auto* name : {"a", "b", "c"}) shards.push_back({name, std::make_shared<SharedMapTier>()});
  return {make_sharded_tier({.shards = std::move(shards)}), nullptr};
}

Fixture sharded_redis() {
  const auto servers = three_servers();
  std::vector<Shard> shards;
  for (const auto& server : *servers) {
    shards.push_back({"redis" + std::to_string(shards.size()), make_redis_tier({.url = server->url()})});
  }
  return {make_sharded_tier({.shards = std::move(shards)}), servers};
}

Fixture sharded_plain_maps() {
  std::vector<Shard> shards;
  for (int i = 0; i < 3; ++i) shards.push_back({"map" + std::to_string(i), std::make_shared<MapTier>()});
  return {make_sharded_tier({.shards = std::move(shards)}), nullptr};
}

}  // namespace

std::vector<Subject> subjects() {
  return {
      {.name = "Map",
       .make =
           [] {
             return Fixture{std::make_shared<MapTier>(), nullptr};
           },
       .compares = true},
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
           },
       .compares = true},
      {.name = "SharedMap",
       .make =
           [] {
             return Fixture{std::make_shared<SharedMapTier>(), nullptr};
           },
       .shared = true,
       .compares = true},
      {.name = "VersionedMap",
       .make =
           [] {
             return Fixture{std::make_shared<VersionedMapTier>(), nullptr};
           },
       .compares = true},
      {.name = "Sqlite", .make = sqlite, .scope = Scope::machine, .compares = true},
      {.name = "MapOfAProcess",
       .make =
           [] {
             return Fixture{std::make_shared<MapTier>(system_clock(), Scope::process), nullptr};
           },
       .scope = Scope::process,
       .compares = true},
      {.name = "Postgres", .make = postgres, .compares = true},
      {.name = "ShardedMapsWithoutLeases", .make = sharded_plain_maps, .several = true, .compares = true},
      {.name = "Redis", .make = [] { return redis("", false); }, .shared = true, .compares = true},
      {.name = "RedisWithPrefix",
       .make = [] { return redis("app:", false); },
       .shared = true,
       .compares = true},
      {.name = "Cluster",
       .make = [] { return cluster(""); },
       .shared = true,
       .several = true,
       .compares = true},
      {.name = "ClusterWithPrefix",
       .make = [] { return cluster("{app}:"); },
       .shared = true,
       .several = true,
       .compares = true},
      {.name = "ReplicatedMapsStrong",
       .make = [] { return replicated_maps(Consistency::strong); },
       .several = true},
      {.name = "ReplicatedMapsEventual",
       .make = [] { return replicated_maps(Consistency::eventual); },
       .several = true,
       .counts = false},
      {.name = "ReplicatedRedisStrong",
       .make = [] { return replicated_redis(Consistency::strong); },
       .shared = true,
       .several = true},
      {.name = "ReplicatedRedisEventual",
       .make = [] { return replicated_redis(Consistency::eventual); },
       .shared = true,
       .several = true,
       .counts = false},
      {.name = "ReplicatedRedisWeak",
       .make = [] { return replicated_redis(Consistency::weak); },
       .shared = true,
       .several = true,
       .counts = false},
      {.name = "RedisOverUnixSocket",
       .make = [] { return redis("", true); },
       .shared = true,
       .compares = true},
      {.name = "ShardedMap", .make = sharded_map, .shared = true, .several = true, .compares = true},
      {.name = "ShardedRedis", .make = sharded_redis, .shared = true, .several = true, .compares = true},
  };
}

std::vector<Subject> subjects(bool several) {
  auto all = subjects();
  std::erase_if(all, [several](const Subject& subject) { return subject.several != several; });
  return all;
}

std::vector<Subject> shared_subjects() {
  auto all = subjects();
  std::erase_if(all, [](const Subject& subject) { return !subject.shared; });
  return all;
}

}  // namespace terrace::conformance
