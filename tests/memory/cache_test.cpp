#include <map>
#include <set>
#include <string_view>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

using Numbers = Checked<int, int>;
using Texts = Checked<std::string, std::string>;

TEST(MemoryCache, StoresReplacesAndErases) {
  Texts cache;
  EXPECT_EQ(cache.get("a"), std::nullopt);
  EXPECT_TRUE(cache.set("a", "1"));
  EXPECT_TRUE(cache.set("a", "2"));
  EXPECT_EQ(cache.get("a"), "2");
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_TRUE(cache.erase("a"));
  EXPECT_FALSE(cache.erase("a"));
  EXPECT_EQ(cache.get(std::string_view("a")), std::nullopt);
  const MemoryStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 1U);
  EXPECT_EQ(stats.misses, 2U);
  EXPECT_EQ(stats.inserts, 1U);
  EXPECT_EQ(stats.replaced, 1U);
  EXPECT_EQ(stats.erased, 1U);
  EXPECT_EQ(stats.entries, 0U);
  EXPECT_EQ(stats.bytes, 0U);
}

TEST(MemoryCache, KeysOfAnyBytes) {
  Texts cache;
  const std::string nul("a\0b", 3);
  cache.set(nul, "nul");
  cache.set("a", "a");
  cache.set("", "empty");
  EXPECT_EQ(cache.get(nul), "nul");
  EXPECT_EQ(cache.get("a"), "a");
  EXPECT_EQ(cache.get(""), "empty");
}

TEST(MemoryCache, NumbersOfOtherTypesAreTheSameKey) {
  Checked<std::int64_t, int> cache;
  cache.set(-1, 7);
  EXPECT_EQ(cache.get(-1), 7);
  EXPECT_EQ(cache.get(static_cast<short>(-1)), 7);
  EXPECT_EQ(cache.get(std::int64_t{-1}), 7);
}

TEST(MemoryCache, AHashThatDoesNotMixIsMixed) {
  Checked<std::uint64_t, std::uint64_t, std::hash<std::uint64_t>> cache({.max_entries = 4096, .shards = 4});
  for (std::uint64_t i = 0; i < 2048; ++i) cache.set(i, i);
  EXPECT_EQ(cache.size(), 2048U);
}

TEST(MemoryCache, MoveOnlyValuesAreVisitedAndFound) {
  Checked<int, std::unique_ptr<int>> cache;
  cache.set(1, std::make_unique<int>(11));
  int seen = 0;
  EXPECT_TRUE(cache.visit(1, [&](const std::unique_ptr<int>& value) { seen = *value; }));
  EXPECT_EQ(seen, 11);
  EXPECT_FALSE(cache.visit(2, [](const auto&) { FAIL(); }));
  EXPECT_EQ(**cache.find(1), 11);
  EXPECT_FALSE(cache.find(2));
}

TEST(MemoryCache, AHandleOutlivesReplacementEvictionEraseAndClear) {
  Checked<std::string, std::string> cache(small_options<std::string, std::string>(2, Eviction::lru));
  cache.set("k", "first");
  auto first = cache.find("k");
  auto again = cache.find("k");
  cache.set("k", "second");
  auto second = cache.find("k");
  cache.erase("k");
  cache.set("k", "third");
  auto third = cache.find("k");
  for (const char* other : {"x", "y", "z"}) cache.set(other, other);
  auto fourth = cache.find("z");
  cache.clear();
  EXPECT_EQ(*first, "first");
  EXPECT_EQ(*again, "first");
  EXPECT_EQ(*second, "second");
  EXPECT_EQ(*third, "third");
  EXPECT_EQ(fourth->size(), 1U);
  first = std::move(fourth);
  EXPECT_EQ(*first, "z");
  EXPECT_EQ(first.key(), "z");
  EXPECT_EQ(cache.size(), 0U);
}

TEST(MemoryCache, SetIfAsksAtTheMomentOfInsertion) {
  Numbers cache;
  EXPECT_FALSE(cache.set_if(1, 10, {}, [] { return false; }));
  EXPECT_EQ(cache.get(1), std::nullopt);
  EXPECT_TRUE(cache.set_if(1, 10, {}, [] { return true; }));
  EXPECT_FALSE(cache.set_if(1, 11, {}, [] { return false; }));
  EXPECT_EQ(cache.get(1), 10);
}

TEST(MemoryCache, GetOrInsertMakesOnceAndTheFirstToStoreWins) {
  Numbers cache;
  EXPECT_EQ(cache.get_or_insert(1, [] { return 10; }), 10);
  EXPECT_EQ(cache.get_or_insert(1, [] { return 11; }), 10);
  // make() runs without a lock: someone else may store meanwhile.
  EXPECT_EQ(cache.get_or_insert(2, [&] { return cache.set(2, 20), 21; }), 20);
  EXPECT_EQ(cache.get(2), 20);
}

TEST(MemoryCache, ManyAtATime) {
  Numbers cache;
  const std::map<int, int> pairs{{1, 10}, {2, 20}, {3, 30}};
  EXPECT_EQ(cache.set_many(pairs), 3U);
  const std::vector<int> keys{3, 4, 1};
  EXPECT_EQ(cache.get_many(keys), (std::vector<std::optional<int>>{30, std::nullopt, 10}));
  EXPECT_EQ(cache.erase_many(keys), 2U);
  EXPECT_EQ(cache.set_many(std::vector<std::pair<int, int>>{{5, 50}}), 1U);
  EXPECT_EQ(cache.size(), 2U);
}

TEST(MemoryCache, EraseIfAndForEachMeetEveryEntryOnceAndMayCallTheCache) {
  Numbers cache({.max_entries = 100'000});
  for (int i = 0; i < 10'000; ++i) cache.set(i, i);
  std::set<int> seen;
  cache.for_each([&](int key, int value) {
    EXPECT_EQ(key, value);
    EXPECT_TRUE(seen.insert(key).second);
    EXPECT_EQ(cache.get(key), value);
  });
  EXPECT_EQ(seen.size(), 10'000U);
  EXPECT_EQ(cache.erase_if([&](int key, int) { return cache.get(key).has_value() && key % 4 != 0; }), 7'500U);
  EXPECT_EQ(cache.size(), 2'500U);
  EXPECT_EQ(cache.get(4), 4);
  EXPECT_EQ(cache.get(5), std::nullopt);
}

TEST(MemoryCache, EraseSomeVisitsEveryEntryOnceInParts) {
  Numbers cache({.max_entries = 100'000});
  for (int i = 0; i < 10'000; ++i) cache.set(i, i);
  std::multiset<int> seen;
  std::size_t erased = 0;
  int parts = 0;
  for (Numbers::Place place; !place.at_end(); ++parts) {
    erased += cache.erase_some(place, 1000, [&](int key, int) { return seen.insert(key), key % 4 != 0; });
  }
  EXPECT_GE(parts, 10);
  EXPECT_EQ(erased, 7'500U);
  EXPECT_EQ(seen.size(), 10'000U);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 10'000U);
  EXPECT_EQ(cache.size(), 2'500U);
  Numbers empty;
  Numbers::Place place;
  EXPECT_EQ(empty.erase_some(place, 1'000'000, [](int, int) { return true; }), 0U);
  EXPECT_TRUE(place.at_end());
}

TEST(MemoryCache, InspectTellsAndCountsAsNoAccess) {
  testing::FakeClock clock;
  auto options = small_options<int, int>(4, Eviction::lfu, clock);
  options.weigher = [](int, int value) { return static_cast<std::size_t>(value); };
  Numbers cache(options);
  cache.set(1, 100);
  cache.set(2, 200, {.ttl = 10s, .expire_after_access = 4s});
  (void)cache.get(1);
  clock.advance(3s);
  const auto plain = cache.inspect(1);
  EXPECT_NEAR(static_cast<double>(plain->age.count()), 3e9, 17e6);
  EXPECT_EQ(plain->remaining, std::nullopt);
  EXPECT_EQ(plain->idle, std::nullopt);
  EXPECT_EQ(plain->access_count, 2U);
  EXPECT_EQ(plain->weight, 100U);
  const auto timed = cache.inspect(2);
  EXPECT_NEAR(static_cast<double>(timed->age.count()), 3e9, 17e6);
  EXPECT_EQ(timed->remaining, 1s);
  EXPECT_EQ(timed->idle, 3s);
  EXPECT_EQ(timed->access_count, 1U);
  EXPECT_EQ(cache.inspect(3), std::nullopt);
  EXPECT_EQ(cache.stats().hits, 1U);
  EXPECT_EQ(cache.stats().misses, 0U);
}

TEST(MemoryCache, TheByteBoundHoldsAndWhatCanNeverFitIsRefused) {
  auto options = small_options<int, std::string>(0, Eviction::lru);
  options.max_bytes = 100;
  options.weigher = [](int, const std::string& value) { return value.size(); };
  Checked<int, std::string> cache(options);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(cache.set(i, std::string(static_cast<std::size_t>(i), 'x')));
    EXPECT_LE(cache.weight(), 100U);
  }
  EXPECT_TRUE(cache.set(1, std::string(100, 'x')));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_FALSE(cache.set(2, std::string(101, 'x')));
  EXPECT_EQ(cache.size(), 1U) << "a refused entry pushes nothing out";
  EXPECT_FALSE(cache.set(1, std::string(101, 'x')));
  EXPECT_EQ(cache.get(1), std::nullopt) << "the old value is outdated";
  EXPECT_EQ(cache.stats().rejected, 2U);
}

TEST(MemoryCache, AnEntryAsHeavyAsTheWholeBoundTakesTheRoomOfAllShards) {
  Checked<int, int> cache({.max_entries = 0,
                           .max_bytes = 1000,
                           .weigher = [](int, int value) { return static_cast<std::size_t>(value); },
                           .shards = 8});
  for (int i = 0; i < 100; ++i) cache.set(i, 10);
  EXPECT_EQ(cache.weight(), 1000U);
  EXPECT_TRUE(cache.set(1000, 1000));
  EXPECT_EQ(cache.get(1000), 1000);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(MemoryCache, TheDefaultWeightSeesStringsOnTheHeap) {
  const std::string key = "k";
  EXPECT_EQ(default_weight(key, std::uint64_t{1}), sizeof(std::string) + 8 + entry_overhead);
  EXPECT_GE(default_weight(key, std::string(1000, 'x')), 2 * sizeof(std::string) + 1001);
  EXPECT_GE(default_weight(1, std::vector<std::string>(3, std::string(100, 'x'))),
            3 * (sizeof(std::string) + 101));
  Texts cache;
  cache.set("a", std::string(1 << 20, 'x'));
  EXPECT_GT(cache.weight(), 1U << 20);
  cache.set("a", "small");
  EXPECT_LT(cache.weight(), 200U);
}

TEST(MemoryCache, TheEntryBoundHoldsInEveryShard) {
  Checked<int, int> cache({.max_entries = 1003, .shards = 7});
  for (int i = 0; i < 100'000; ++i) cache.set(i, i);
  EXPECT_LE(cache.size(), 1003U);
  EXPECT_GE(cache.size(), 990U);
}

template <class F>
std::string config_error(F&& change) {
  MemoryOptions<int, int> options;
  change(options);
  try {
    Numbers cache(options);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(MemoryCache, WrongOptionsAreNamedWithARemedy) {
  using Options = MemoryOptions<int, int>;
  EXPECT_NE(config_error([](Options& o) { o.max_entries = 0; }).find("set at least one"), std::string::npos);
  EXPECT_NE(config_error([](Options& o) { o.max_entries = ~std::size_t{0}; }).find("18446744073709551615"),
            std::string::npos);
  EXPECT_NE(config_error([](Options& o) { o.ttl = 0s; }).find("ttl is 0 ns"), std::string::npos);
  EXPECT_NE(config_error([](Options& o) {
              o.expire_after_access = -1s;
            }).find("expire_after_access is -1000000000"),
            std::string::npos);
  EXPECT_NE(config_error([](Options& o) { o.shards = 100'000; }).find("at most 4096"), std::string::npos);
  EXPECT_NE(config_error([](Options& o) { o.max_entries = 3, o.shards = 4; }).find("more than max_entries"),
            std::string::npos);
  EXPECT_NE(config_error([](Options& o) { o.sweep_interval = -1s; }).find("sweep_interval"),
            std::string::npos);
  EXPECT_EQ(config_error([](Options& o) { o.max_entries = 1; }), "");
}

TEST(Eviction, NamesAreReadAndWritten) {
  for (const std::string_view name : eviction_names()) {
    ASSERT_TRUE(parse_eviction(name).has_value());
    EXPECT_EQ(to_string(*parse_eviction(name)), name);
  }
  EXPECT_EQ(eviction_names().size(), eviction_count);
  EXPECT_EQ(parse_eviction("LRU"), std::nullopt);
  EXPECT_EQ(parse_eviction(""), std::nullopt);
}

}  // namespace
}  // namespace terrace::memory
