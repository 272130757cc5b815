#include <filesystem>
#include <terrace/redis.hpp>
#include <terrace/testing.hpp>

#include "conformance/versioned_fixture.hpp"
#include "support/redis_server.hpp"

namespace terrace::conformance {
namespace {

using namespace terrace::testing;

VersionedFixture map() {
  struct Ground {
    FakeClock clock;
    bool saved = false;
  };
  const auto ground = std::make_shared<Ground>();
  const auto tier = std::make_shared<VersionedMapTier>(ground->clock);
  return {
      .tier = tier,
      .ground = ground,
      .clock = &ground->clock,
      .advance = [ground](Duration by) { ground->clock.advance(by); },
      .snapshot =
          [ground, tier] {
            tier->take_snapshot();
            ground->saved = true;
          },
      .restart = [ground, tier] { ground->saved ? tier->restart_from_snapshot() : tier->restart_empty(); }};
}

VersionedFixture over(const std::shared_ptr<RedisServer>& server, const std::string& key_prefix) {
  const auto tier = make_redis_tier({.url = server->url(), .key_prefix = key_prefix});
  return {.tier = tier,
          .ground = server,
          .clock = &system_clock(),
          .snapshot = [server] { server->cli({"SAVE"}); },
          .restart =
              [server, tier] {
                server->restart();
                eventually([&] { return Caller(*tier).get("any").has_value(); });
              }};
}

/// One server for all tests of a program: each begins on an empty one.
VersionedFixture redis(const std::string& key_prefix) {
  static const auto server = std::make_shared<RedisServer>();
  server->cli({"FLUSHALL"});
  return over(server, key_prefix);
}

VersionedSubject redis_subject(const std::string& name, const std::string& key_prefix) {
  return {name, [=] { return redis(key_prefix); },
          [=] { return over(std::make_shared<RedisServer>(), key_prefix); }};
}

}  // namespace

std::vector<VersionedSubject> versioned_subjects() {
  return {{"Map", map, map}, redis_subject("Redis", ""), redis_subject("RedisWithPrefix", "app[*:")};
}

}  // namespace terrace::conformance
