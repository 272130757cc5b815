/// Two versions of a program over a real Redis: neither can read the other's entries.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

struct First {
  std::int64_t number = 0;
};
struct Second {
  std::int64_t number = 0;
  std::string note = {};
};

template <class V>
Cache<V> process(const testing::RedisServer& server) {
  // A loaded machine may take longer than the usual 250 ms, and a level that is late is a miss.
  return Cache<V>({.name = "deploy", .ttl = 1h, .tier_timeout = 10s},
                  {make_redis_tier({.url = server.url()})});
}

TEST(BesideOnServers, TwoVersionsLoadAFewTimesAndSeeEachOthersChanges) {
  testing::RedisServer server;
  auto first = process<First>(server);
  auto second = process<Second>(server);
  std::int64_t origin = 1;
  int loads = 0;
  const auto read = [&](auto& cache) {
    return cache
        .get_or_load("k",
                     [&] {
                       ++loads;
                       return typename std::remove_reference_t<decltype(cache)>::value_type{origin};
                     })
        .value()
        .number;
  };
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(read(first), 1);
    EXPECT_EQ(read(second), 1);
  }
  EXPECT_LE(loads, 4);
  ASSERT_TRUE(first.flush());
  ASSERT_TRUE(second.flush());
  auto another = process<Second>(server);
  loads = 0;
  EXPECT_EQ(read(another), 1);
  EXPECT_EQ(loads, 0) << "its version has an entry";
  origin = 2;
  ASSERT_TRUE(second.set("k", {2}));
  EXPECT_TRUE(eventually([&] { return read(first) == 2 && read(another) == 2; }));
  origin = 3;
  ASSERT_TRUE(first.erase("k"));
  EXPECT_TRUE(eventually([&] { return read(second) == 3 && read(another) == 3; }));
}

}  // namespace
}  // namespace terrace
