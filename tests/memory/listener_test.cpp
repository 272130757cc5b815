#include <array>
#include <map>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

using Texts = Checked<int, std::string>;

struct Event {
  int key;
  std::string value;
  RemovalCause cause;
  bool operator==(const Event&) const = default;
};

class Listener : public ::testing::Test {
 protected:
  MemoryOptions<int, std::string> options(std::size_t entries) {
    auto made = small_options<int, std::string>(entries, Eviction::lru, clock_);
    made.listener = [this](int key, const std::string& value, RemovalCause cause) {
      events_.push_back({key, value, cause});
    };
    return made;
  }

  testing::FakeClock clock_;
  std::vector<Event> events_;
};

TEST_F(Listener, IsToldTheCauseOfEveryRemovalOnce) {
  auto made = options(2);
  made.max_bytes = 1000;
  Texts cache(made);
  cache.set(1, "a");
  cache.set(1, "b");
  EXPECT_EQ(events_, (std::vector<Event>{{1, "a", RemovalCause::replaced}}));
  events_.clear();
  cache.set(2, "c");
  cache.set(3, "d");
  EXPECT_EQ(events_, (std::vector<Event>{{1, "b", RemovalCause::evicted}}));
  events_.clear();
  cache.erase(2);
  cache.erase(2);
  EXPECT_EQ(events_, (std::vector<Event>{{2, "c", RemovalCause::explicit_erase}}));
  events_.clear();
  cache.set(4, "e", {.ttl = 1s});
  clock_.advance(1s);
  (void)cache.get(4);
  (void)cache.get(4);
  EXPECT_EQ(events_, (std::vector<Event>{{4, "e", RemovalCause::expired}}));
  events_.clear();
  cache.set(3, std::string(5000, 'x'));
  EXPECT_EQ(events_, (std::vector<Event>{{3, "d", RemovalCause::replaced}}))
      << "refused, but the old one is outdated";
  events_.clear();
  cache.set(5, "f");
  cache.set(6, "g");
  cache.erase_if([](int key, const std::string&) { return key == 5; });
  cache.clear();
  EXPECT_EQ(events_, (std::vector<Event>{{5, "f", RemovalCause::explicit_erase},
                                         {6, "g", RemovalCause::explicit_erase}}));
}

TEST_F(Listener, OverAnExpiredEntryHearsExpiredNotReplaced) {
  Texts cache(options(2));
  cache.set(1, "a", {.ttl = 1ms});
  clock_.advance(1ms);
  cache.set(1, "b");
  EXPECT_EQ(events_, (std::vector<Event>{{1, "a", RemovalCause::expired}}));
  EXPECT_EQ(cache.stats().replaced, 0U);
  EXPECT_EQ(cache.stats().inserts, 2U);
}

TEST_F(Listener, SeesAValueThatAHandleStillHolds) {
  Texts cache(options(2));
  cache.set(1, "a");
  auto held = cache.find(1);
  cache.erase(1);
  EXPECT_EQ(events_, (std::vector<Event>{{1, "a", RemovalCause::explicit_erase}}));
  EXPECT_EQ(*held, "a");
}

TEST_F(Listener, F50_MayCallTheCacheAgain) {
  auto made = small_options<int, std::string>(3, Eviction::lru, clock_);
  Texts* cache = nullptr;
  int calls = 0;
  made.listener = [&](int key, const std::string& value, RemovalCause) {
    ++calls;
    (void)cache->get(key);
    if (key < 1000) cache->set(key + 1000, value);
    cache->erase(key + 1000);
    (void)cache->stats();
    cache->for_each([](int, const std::string&) {});
    (void)cache->purge_expired();
  };
  Texts real(made);
  cache = &real;
  for (int i = 0; i < 20; ++i) real.set(i, std::to_string(i));
  real.clear();
  EXPECT_GT(calls, 20);
}

TEST_F(Listener, WhatItThrowsIsDropped) {
  auto made = small_options<int, std::string>(1, Eviction::lru, clock_);
  made.listener = [](int, const std::string&, RemovalCause) { throw std::runtime_error("listener"); };
  Texts cache(made);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(cache.set(i, "x"));
  EXPECT_EQ(cache.get(4), "x");
}

/// A value whose destructor calls the cache it lies in: destructors run without the lock.
struct Caller {
  explicit Caller(MemoryCache<int, Caller>* in) : cache(in) {}
  Caller(Caller&& other) noexcept : cache(std::exchange(other.cache, nullptr)) {}
  Caller& operator=(Caller&&) = delete;
  ~Caller() {
    if (cache != nullptr) (void)cache->size();
  }
  MemoryCache<int, Caller>* cache;
};

TEST(Destructors, F50_OfValuesMayCallTheCache) {
  MemoryCache<int, Caller> cache(small_options<int, Caller>(2, Eviction::lru));
  for (int i = 0; i < 10; ++i) cache.set(i % 5, Caller(&cache));
  cache.erase(4);
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace terrace::memory
