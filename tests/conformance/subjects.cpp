#include "conformance/subjects.hpp"

#include <terrace/redis.hpp>
#include <terrace/runtime.hpp>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"
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
           },
       .versioned = false},                                    // until it passes them on
      {.name = "Sqlite", .make = sqlite, .versioned = false},  // until its table has a column for them
      {.name = "Redis", .make = [] { return redis("", false); }, .shared = true},
      {.name = "RedisWithPrefix", .make = [] { return redis("app:", false); }, .shared = true},
      {.name = "RedisOverUnixSocket", .make = [] { return redis("", true); }, .shared = true},
  };
}

std::vector<Subject> shared_subjects() {
  auto all = subjects();
  std::erase_if(all, [](const Subject& subject) { return !subject.shared; });
  return all;
}

}  // namespace terrace::conformance
