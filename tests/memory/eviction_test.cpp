// The order in which each policy evicts, exactly.

#include <cmath>
#include <set>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

/// A full cache of single characters that notes who is evicted.
class Order {
 public:
  Order(Eviction eviction, std::size_t entries) : cache_(options(eviction, entries)) {}

  Order& set(std::string_view keys, EntryOptions lifetime = {}) {
    for (const char key : keys) cache_.set(key, 0, lifetime);
    return *this;
  }
  Order& get(std::string_view keys) {
    for (const char key : keys) (void)cache_.get(key);
    return *this;
  }
  Order& erase(char key) { return cache_.erase(key), *this; }
  Checked<char, int>& cache() { return cache_; }
  [[nodiscard]] const std::string& evicted() const { return evicted_; }

 private:
  MemoryOptions<char, int> options(Eviction eviction, std::size_t entries) {
    auto made = small_options<char, int>(entries, eviction, clock_);
    made.listener = [this](char key, int, RemovalCause cause) {
      if (cause == RemovalCause::evicted) evicted_ += key;
    };
    return made;
  }

  testing::FakeClock clock_;
  std::string evicted_;
  Checked<char, int> cache_;
};

TEST(Fifo, EvictsInTheOrderOfInsertionWhateverIsUsed) {
  Order order(Eviction::fifo, 3);
  order.set("abc").get("aaa").set("a").set("d").set("e").erase('c').set("fghi");
  EXPECT_EQ(order.evicted(), "abdef");
}

TEST(Lru, EvictsTheLeastRecentlyUsed) {
  Order order(Eviction::lru, 3);
  order.set("abc").get("a").set("d");
  EXPECT_EQ(order.evicted(), "b");
  order.set("c").set("e").get("c").set("f");
  EXPECT_EQ(order.evicted(), "bad");
  order.erase('c').set("g").set("h");
  EXPECT_EQ(order.evicted(), "bade");
}

TEST(Lfu, EvictsTheLeastOftenUsedAndOfThoseTheFirstThere) {
  Order order(Eviction::lfu, 4);
  order.set("abcd").get("aaabbc").set("e");
  EXPECT_EQ(order.evicted(), "d");
  order.get("ee").set("f");  // a 4, b 3, c 2, e 3
  EXPECT_EQ(order.evicted(), "dc");
  order.get("f").set("f").set("f").set("g");  // b came to 3 before e; f has 4
  EXPECT_EQ(order.evicted(), "dcb");
  EXPECT_EQ(order.cache().inspect('f')->access_count, 4U);
}

TEST(Lfu, ASoleMemberKeepsItsPlaceWhileItsCountRises) {
  Order order(Eviction::lfu, 2);
  order.set("a").get("aaaaaaaaaa").set("b").get("bbbb").set("c");
  EXPECT_EQ(order.evicted(), "b");
  order.erase('a').erase('c').set("xyz");
  EXPECT_EQ(order.evicted(), "bx");
}

TEST(Ttl, EvictsWhatExpiresSoonestAndTheEverlastingLast) {
  Order order(Eviction::ttl, 5);
  order.set("x").set("c", {.ttl = 30s}).set("a", {.ttl = 10s}).set("y").set("b", {.ttl = 20s});
  order.get("aaa").set("zzz", {.ttl = 60s});
  EXPECT_EQ(order.evicted(), "a");
  order.set("b", {.ttl = 90s}).set("u").set("v");
  EXPECT_EQ(order.evicted(), "acz");
  order.set("w");
  EXPECT_EQ(order.evicted(), "aczb");
  order.set("q");
  EXPECT_EQ(order.evicted(), "aczbx");
}

TEST(Ttl, AnAccessThatProlongsMovesTheEntryBack) {
  Order order(Eviction::ttl, 2);
  order.set("a", {.ttl = 100s, .expire_after_access = 10s}).set("b", {.ttl = 10s});
  order.erase('b').set("b", {.ttl = 11s}).set("c", {.ttl = 50s});
  EXPECT_EQ(order.evicted(), "a");
}

TEST(S3Fifo, AScanPassesThroughTheSmallQueueOnly) {
  Order order(Eviction::s3fifo, 10);
  order.set("abcdefghi").get("abcdefghiabcdefghi").set("j").set("0123456");
  // The oldest ones were used twice and moved to the main queue; then the scan pushes out itself.
  EXPECT_EQ(order.evicted(), "j012345");
  for (const char kept : std::string("abcdefghi")) EXPECT_TRUE(order.cache().get(kept)) << kept;
}

TEST(S3Fifo, WhatComesBackWhileRememberedGoesToTheMainQueue) {
  Order order(Eviction::s3fifo, 10);
  order.set("abcdefghijk");
  EXPECT_EQ(order.evicted(), "a");
  order.set("a");  // a ghost: now in the main queue
  EXPECT_EQ(order.evicted(), "ab");
  order.set("0123456789");
  EXPECT_EQ(order.evicted(), "abcdefghijk0");
  EXPECT_TRUE(order.cache().get('a'));
}

TEST(S3Fifo, TheMainQueueGivesASecondRoundForEachUse) {
  Order order(Eviction::s3fifo, 2);
  order.set("a").get("aa").set("b").set("c");  // the small queue's target is one entry
  EXPECT_EQ(order.evicted(), "b");
  order.set("d").get("dd").set("e");  // d joins a in the main queue; a has no uses left
  EXPECT_EQ(order.evicted(), "bca");
}

TEST(Adaptive, TheFirstToComeFillTheMainQueueAndAScanLeavesThemThere) {
  Order order(Eviction::adaptive, 4);
  order.set("abcd").set("efgh");
  EXPECT_EQ(order.evicted(), "defg");
}

TEST(Adaptive, TwoUsesInTheWindowLeadToTheMainQueueAndOneToAnotherRound) {
  Order order(Eviction::adaptive, 4);
  order.set("abcd").get("dd").set("e");
  EXPECT_EQ(order.evicted(), "a");
  order.get("e").set("f");
  EXPECT_EQ(order.evicted(), "ae");
}

TEST(Adaptive, AGhostThatComesBackSoonerThanTheMainQueuesLastIsUsedTakesItsPlace) {
  Order order(Eviction::adaptive, 4);
  order.set("abcd").set("ef").set("d");  // two ghosts since d left, and two since a came
  EXPECT_EQ(order.evicted(), "def");
  order.set("x").set("f");  // f left two ghosts ago; a has been idle for four
  EXPECT_EQ(order.evicted(), "defda");
}

TEST(Adaptive, ALoopLargerThanTheCacheKeepsAPartOfIt) {
  Checked<int, int> cache(small_options<int, int>(10, Eviction::adaptive));
  for (int i = 0; i < 150; ++i) {
    if (!cache.get(i % 15)) cache.set(i % 15, i);
  }
  EXPECT_EQ(cache.stats().hits, 9U * 9);  // nine rounds after the first, of the nine in the main queue
}

TEST(WTinyLfu, AScanDoesNotPushOutWhatIsAskedForMoreOften) {
  Order order(Eviction::w_tinylfu, 4);
  order.set("abcd").get("abc").set("efgh");
  EXPECT_EQ(order.evicted(), "defg");
}

TEST(WTinyLfu, WhatComesBackOftenEnoughGetsIn) {
  Order order(Eviction::w_tinylfu, 4);
  order.set("abcd").get("a").set("e");
  EXPECT_EQ(order.evicted(), "d");  // seen once, like b, which was there before
  order.get("e").set("f");          // e was seen twice: b leaves
  EXPECT_EQ(order.evicted(), "db");
  order.set("ghgi");  // what left the window is remembered: g was seen twice, c once
  EXPECT_EQ(order.evicted(), "dbfghc");
}

TEST(WTinyLfu, AnEntryThatIsUsedInTheMainPartIsProtected) {
  Order order(Eviction::w_tinylfu, 4);
  order.set("abcd").get("a").get("dd").set("e");  // d was seen more often than b, the last on probation
  EXPECT_EQ(order.evicted(), "b");
}

TEST(Gdsf, TheLargestLeavesFirstAndAmongEqualsTheOldest) {
  auto options = small_options<std::string, int>(0, Eviction::gdsf);
  options.max_bytes = 100;
  options.weigher = [](const std::string&, int size) { return static_cast<std::size_t>(size); };
  std::string left;
  options.listener = [&](const std::string& key, int, RemovalCause) { left += key; };
  Checked<std::string, int> cache(options);
  cache.set("a", 20);
  cache.set("b", 50);
  cache.set("c", 20);
  cache.set("d", 20);  // 110
  EXPECT_EQ(left, "b");
  cache.set("e", 20);
  cache.set("f", 20);  // and the cache has aged by 1/50 since: a, c and d are the old ones
  EXPECT_EQ(left, "b");
  cache.set("g", 20);
  EXPECT_EQ(left, "ba");
}

TEST(Gdsf, UsesAndCostSpeakForAnEntry) {
  auto options = small_options<std::string, int>(3, Eviction::gdsf);
  std::string left;
  options.listener = [&](const std::string& key, int, RemovalCause) { left += key; };
  Checked<std::string, int> cache(options);
  cache.set("a", 1, {.cost = 10});
  cache.set("b", 1);
  cache.set("c", 1);
  (void)cache.get("b");
  (void)cache.get("b");
  cache.set("d", 1);
  EXPECT_EQ(left, "c");
  cache.set("e", 1);
  EXPECT_EQ(left, "cd");
  cache.set("b", 2, {.cost = 0});  // what it costs now is what counts
  cache.set("f", 1);
  EXPECT_EQ(left, "cdbb");  // replaced, then evicted
  for (const double odd : {-1.0, std::nan(""), -HUGE_VAL}) cache.set("odd", 1, {.cost = odd});
  cache.set("g", 1);  // f leaves, as old and before it
  cache.set("h", 1);
  EXPECT_EQ(cache.get("odd"), std::nullopt);
  EXPECT_TRUE(cache.get("a"));
}

TEST(Gdsf, WhatGetOrInsertMeasuredIsTheCost) {
  testing::FakeClock clock;
  Checked<std::string, int> cache(small_options<std::string, int>(2, Eviction::gdsf, clock));
  const auto load = [&](const std::string& key, Duration time) {
    (void)cache.get_or_insert(key, [&] { return clock.advance(time), 1; });
  };
  load("dear", 200ms);
  for (int i = 0; i < 50; ++i) load("cheap " + std::to_string(i), 2ms);
  EXPECT_TRUE(cache.get("dear"));
}

TEST(Eviction, AllPoliciesKeepTheirBoundUnderAScan) {
  for (const std::string_view name : eviction_names()) {
    Checked<int, int> cache(small_options<int, int>(100, *parse_eviction(name)));
    for (int i = 0; i < 1000; ++i) cache.set(i, i);
    EXPECT_EQ(cache.size(), 100U) << name;
    EXPECT_EQ(cache.stats().evictions, 900U) << name;
  }
}

}  // namespace
}  // namespace terrace::memory
