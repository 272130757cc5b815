/// The tokens of tags on a real Redis: they last as long as the entries that name them, and not for ever.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

class TokenLife : public ::testing::Test {
 protected:
  [[nodiscard]] Cache<std::string> process(CacheOptions options = {}) const {
    options.ttl_jitter = 0;
    options.tier_timeout = 10s;  // a loaded machine may take longer than the usual 250 ms
    Cache<std::string> cache(std::move(options), {make_redis_tier({.url = server_.url()})});
    // While the watch begins, nothing with tags counts as verified.
    EXPECT_TRUE(testing::eventually([&] { return cache.stats().watching == true; }));
    return cache;
  }
  [[nodiscard]] std::chrono::seconds life(const std::string& tag) const {
    return std::chrono::seconds(std::stoll(server_.cli({"TTL", "default~tag:" + tag})));
  }

  testing::RedisServer server_;
};

TEST_F(TokenLife, COH19_ATokenEndsSomeTimeAfterItsEntries) {
  auto cache = process({.ttl = 1h, .grace = 1h});
  ASSERT_TRUE(cache.set("a", "v", {.ttl = 2s, .tags = {"set"}}));
  const auto loaded = cache.get_or_load("b", [] { return std::string("v"); }, {.tags = {"loaded"}});
  ASSERT_TRUE(loaded);
  for (const char* tag : {"set", "loaded"}) {
    EXPECT_GE(life(tag), tag == std::string("set") ? 1h + 2s : 2h)
        << tag << ": as long as its entry at least";
    EXPECT_LE(life(tag), 5h) << tag;
  }
}

TEST_F(TokenLife, COH19_ATokenInUseIsProlongedAndKeepsItsEntries) {
  auto cache = process({.ttl = 1min});
  ASSERT_TRUE(cache.set("short", "v", {.tags = {"t"}}));
  EXPECT_LE(life("t"), 10min);
  const std::string token = server_.cli({"GET", "default~tag:t"});
  ASSERT_TRUE(cache.set("long", "v", {.ttl = 24h, .tags = {"t"}}));
  EXPECT_GE(life("t"), 24h);
  ASSERT_TRUE(process().set("short again", "v", {.ttl = 1s, .tags = {"t"}}));
  EXPECT_GE(life("t"), 24h) << "a longer life stays";
  EXPECT_EQ(server_.cli({"GET", "default~tag:t"}), token);
  for (const char* key : {"short", "long"}) EXPECT_EQ(*process().get(key), "v") << key;
  CacheOptions endless;
  endless.ttl.reset();
  auto without_end = process(endless);
  ASSERT_TRUE(without_end.set("for ever", "v", {.tags = {"t"}}));
  EXPECT_EQ(life("t"), -1s);
  EXPECT_EQ(*process().get("for ever"), "v");
  ASSERT_TRUE(cache.invalidate_tag("t"));
  for (const char* key : {"short", "long", "for ever"}) EXPECT_FALSE(process().get(key)) << key;
}

/// A token that ends too soon costs hits: no entry becomes valid again with the next one.
TEST_F(TokenLife, ATokenThatEndsTooSoonVoidsItsEntries) {
  auto cache = process({.ttl = 1h});
  ASSERT_TRUE(cache.set("k", "old", {.tags = {"t"}}));
  server_.cli({"PEXPIRE", "default~tag:t", "1"});
  EXPECT_TRUE(testing::eventually([&] { return !cache.get("k"); }));
  ASSERT_TRUE(cache.set("other", "v", {.tags = {"t"}}));
  EXPECT_FALSE(process().get("k"));
  EXPECT_EQ(*process().get("other"), "v");
}

TEST_F(TokenLife, CORE4_ClearRemovesTheTokens) {
  auto cache = process({.ttl = 1h});
  auto other = process({.ttl = 1h});
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(cache.set("k" + std::to_string(i), "v", {.tags = {"t" + std::to_string(i)}}));
  server_.cli({"SET", "neighbour~tag:t", "12345678"});
  ASSERT_TRUE(cache.clear());
  EXPECT_EQ(server_.cli({"KEYS", "*"}), "neighbour~tag:t");
  // The tags go on.
  ASSERT_TRUE(cache.set("k1", "new", {.tags = {"t1"}}));
  EXPECT_EQ(*other.get("k1"), "new");
  ASSERT_TRUE(other.invalidate_tag("t1"));
  EXPECT_TRUE(testing::eventually([&] { return !cache.get("k1"); }));
}

}  // namespace
}  // namespace terrace
