#include <array>
#include <atomic>

#include "memory/in_threads.hpp"
#include "memory/support.hpp"

namespace terrace::memory {
namespace {

std::string value_of(int key, int version) {
  return std::to_string(key) + ":" + std::to_string(version) +
         std::string(static_cast<std::size_t>(key % 40), 'x');
}
bool belongs(int key, const std::string& value) {
  return value.starts_with(std::to_string(key) + ":");
}

void act(MemoryCache<int, std::string>& cache, std::mt19937_64& random, int step) {
  const int key = static_cast<int>(random() % 400);
  switch (random() % 16) {
    case 0:
      cache.erase(key);
      break;
    case 1:
      if (auto held = cache.find(key)) {
        cache.set(key, value_of(key, step));
        EXPECT_TRUE(belongs(key, *held));
      }
      break;
    case 2:
      EXPECT_TRUE(belongs(key, cache.get_or_insert(key, [&] { return value_of(key, step); })));
      break;
    case 3:
      cache.set(key, value_of(key, step), {.ttl = std::chrono::microseconds(1 + random() % 3000)});
      break;
    case 4:
      cache.set(key, value_of(key, step), {.expire_after_access = 1ms});
      break;
    case 5:
      cache.set_if(key, value_of(key, step), {}, [&] { return step % 2 == 0; });
      break;
    case 6:
      if (step % 64 == 0) cache.clear();
      if (step % 64 == 1)
        cache.erase_if([](int k, const std::string& value) { return !belongs(k, value) || k % 3 == 0; });
      if (step % 64 == 2)
        cache.for_each([](int k, const std::string& value) { EXPECT_TRUE(belongs(k, value)); });
      if (step % 64 == 3) cache.purge_expired();
      for (typename std::remove_reference_t<decltype(cache)>::Place place; step % 64 == 4 && !place.at_end();)
        cache.erase_some(place, 100,
                         [](int k, const std::string& value) { return !belongs(k, value) || k % 3 == 1; });
      break;
    case 7:
      (void)cache.inspect(key);
      break;
    case 8:
      (void)cache.stats();
      break;
    case 9:
    case 10:
      cache.set(key, value_of(key, step));
      break;
    default:
      cache.visit(key, [&](const std::string& value) { EXPECT_TRUE(belongs(key, value)); });
  }
}

TEST(Threads, EveryPolicyStaysWholeAndEveryRemovalIsToldOnce) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (const std::string_view name : eviction_names()) {
    std::atomic<std::uint64_t> removed = 0;
    MemoryOptions<int, std::string> options;
    options.max_entries = 150;
    options.max_bytes = 14'000;
    options.eviction = *parse_eviction(name);
    options.shards = 3;
    options.sweep_interval = 1ms;
    options.listener = [&](int key, const std::string& value, RemovalCause) {
      EXPECT_TRUE(belongs(key, value));
      ++removed;
    };
    Checked<int, std::string> cache(options);
    in_threads(4, [&](int t) {
      std::mt19937_64 random(test_seed() + static_cast<unsigned>(t));
      for (int step = 0; step < 10'000; ++step) act(cache, random, step);
    });
    EXPECT_LE(cache.size(), 150U);
    EXPECT_LE(cache.weight(), 14'000U);
    cache.clear();
    const MemoryStats stats = cache.stats();
    EXPECT_EQ(stats.entries, 0U);
    EXPECT_EQ(stats.inserts + stats.replaced, removed) << name;
    EXPECT_EQ(stats.erased + stats.replaced + stats.expired + stats.evictions, removed) << name;
  }
}

/// What leaves is told and destroyed without the lock, while another thread makes the slab grow.
TEST(Threads, EntriesAreToldAndDestroyedWhileTheCacheGrows) {
  struct Large {  // sixteen nodes a page
    std::unique_ptr<int> number;
    std::array<char, 4096> rest;
  };
  for (const bool listens : {false, true}) {
    for (int round = 0; round < 5; ++round) {
      auto options = small_options<int, Large>(1500, Eviction::fifo);
      std::atomic<int> told = 0;
      if (listens)
        options.listener = [&](int key, const Large& value, RemovalCause) { told += *value.number == key; };
      Checked<int, Large> cache(options);
      std::atomic<bool> grown = false;
      in_threads(2, [&](int t) {
        if (t == 0) {
          for (int i = 0; i < 1000; ++i) cache.set(i, Large{std::make_unique<int>(i), {}});
          grown = true;
        }
        while (!grown) {
          cache.set(-1, Large{std::make_unique<int>(-1), {}});
          cache.erase(-1);
        }
      });
      EXPECT_EQ(cache.size(), 1000U);
      const MemoryStats stats = cache.stats();
      if (listens) {
        EXPECT_EQ(stats.erased + stats.replaced, static_cast<std::uint64_t>(told));
      }
    }
  }
}

TEST(Threads, CountersLoseNothing) {
  Checked<int, int> cache({.max_entries = 100'000});
  in_threads(4, [&](int t) {
    for (int i = 0; i < 10'000; ++i) {
      (void)cache.get(i);
      cache.set(i * 4 + t, i);
      EXPECT_EQ(cache.get(i * 4 + t), i);
    }
  });
  const MemoryStats stats = cache.stats();
  EXPECT_EQ(stats.hits + stats.misses, 80'000U);
  EXPECT_EQ(stats.inserts, 40'000U);
  EXPECT_EQ(stats.entries, 40'000U);
}

TEST(Threads, GetOrInsertGivesAllThreadsTheWinnersValue) {
  Checked<int, int> cache;
  for (int key = 0; key < 300; ++key) {
    std::array<int, 3> got{};
    in_threads(
        3, [&](int t) { got[static_cast<std::size_t>(t)] = cache.get_or_insert(key, [&] { return t; }); });
    EXPECT_EQ(got[0], got[1]);
    EXPECT_EQ(got[1], got[2]);
  }
}

/// The coherence check of the floors above: once an invalidation has returned, no value loaded before it is
/// there.
TEST(Threads, SetIfLetsNoOutdatedValuePassAnInvalidation) {
  Checked<int, int> cache;
  std::atomic<int> generation = 0;
  std::atomic<bool> done = false;
  in_threads(3, [&](int t) {
    if (t == 0) {
      for (int i = 1; i <= 5'000; ++i) {
        generation = i;
        cache.erase(7);
        EXPECT_GE(cache.get(7).value_or(i), i);
      }
      done = true;
    }
    while (!done) {
      const int seen = generation;
      cache.set_if(7, seen, {}, [&] { return generation == seen; });
    }
  });
}

}  // namespace
}  // namespace terrace::memory
