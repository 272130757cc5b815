/// Calls for 100,000 keys over a real Redis, and over one that freezes.

#include <gtest/gtest.h>

#include <algorithm>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;

constexpr std::size_t many = 100'000;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr Duration enough = 10s;  // for a chunk of a thousand keys
#else
constexpr Duration enough = 250ms;
#endif

Strings process(const testing::RedisServer& server, Duration tier_timeout = enough) {
  return Strings({.name = "bulk", .max_entries = 2 * many, .tier_timeout = tier_timeout},
                 {make_redis_tier({.url = server.url()})});
}

std::vector<std::string> names(std::size_t count = many) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("key:" + std::to_string(i));
  return keys;
}

std::string value_of(const std::string& key) {
  std::string value = key;
  value.resize(1000, 'v');
  return value;
}

TEST(BulkCallsOnServers, AHundredThousandKeysAreStoredAndFound) {
  testing::RedisServer server;
  const auto keys = names();
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto& key : keys) entries.emplace_back(key, value_of(key));
  auto writer = process(server);
  std::size_t failed = 0;
  std::string why;
  for (const auto& stored : writer.set_many(std::move(entries))) {
    if (!stored && failed++ == 0) why = stored.error().message();
  }
  EXPECT_EQ(failed, 0U) << why;
  auto reader = process(server);
  const auto found = reader.lookup_many(keys);
  std::size_t right = 0;
  for (std::size_t i = 0; i < many; ++i) right += found[i].value == value_of(keys[i]) ? 1 : 0;
  EXPECT_EQ(right, many);
}

TEST(BulkCallsOnServers, TwentyThousandKeysAreLoadedOnce) {
  testing::RedisServer server;
  const auto keys = names(20'000);
  std::size_t loaded = 0;
  const auto loader = [&](const std::vector<std::string>& missing) {
    loaded += missing.size();
    std::vector<std::optional<std::string>> values;
    for (const auto& key : missing) values.emplace_back(value_of(key));
    return values;
  };
  {
    auto first = process(server);
    for (const auto& value : first.get_or_load_many(keys, loader))
      ASSERT_TRUE(value) << value.error().message();
    EXPECT_EQ(loaded, keys.size());
    ASSERT_TRUE(first.flush());
  }
  loaded = 0;
  auto second = process(server);
  for (const auto& value : second.get_or_load_many(keys, loader))
    ASSERT_TRUE(value) << value.error().message();
  EXPECT_EQ(loaded, 0U) << "Redis has them";
}

TEST(BulkCallsOnServers, AFrozenServerEndsThemSoon) {
  testing::RedisServer server;
  auto cache = process(server, 250ms);
  ASSERT_TRUE(cache.set("k", "v"));
  server.freeze();
  const auto begin = system_clock().now();
  const auto found = cache.lookup_many(names());
  const Duration took = system_clock().now() - begin;
  server.thaw();
  EXPECT_LT(took, 5s) << "100 chunks of 250 ms would be 25 s";
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const auto& f) { return f.value.has_value(); }), 0);
}

}  // namespace
}  // namespace terrace
