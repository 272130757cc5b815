#include "conformance/subjects.hpp"

#include <terrace/redis.hpp>
#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>

#include "support/redis_server.hpp"

namespace terrace::conformance {

std::vector<Subject> subjects() {
  using namespace terrace::testing;
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
      {"FaultyWithoutFaults",
       [] {
         return Fixture{
             std::make_shared<FaultyTier>(std::make_shared<MapTier>(), std::make_shared<Runtime>()), nullptr};
       }},
      {"Redis",
       [] {
         auto server = std::make_shared<RedisServer>();
         auto tier = make_redis_tier({.url = server->url(), .key_prefix = "conformance:"});
         return Fixture{std::move(tier), std::move(server)};
       }},
  };
}

}  // namespace terrace::conformance
