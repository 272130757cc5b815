// Keys, values, weighers, hashes and conditions that throw: the exception reaches the caller, the cache stays
// whole.

#include <latch>
#include <thread>

#include "memory/allocations.hpp"
#include "memory/support.hpp"

namespace terrace::memory {
namespace {

/// Counts down to an exception, and how many objects are alive.
struct Fuse {
  static inline int left = -1;
  static inline int alive = 0;
  static void burn() {
    if (left >= 0 && left-- == 0) throw std::runtime_error("fuse");
  }
};

struct Fragile {
  int number;
  explicit Fragile(int n) : number(n) { ++Fuse::alive; }
  Fragile(const Fragile& other) : number(other.number) { Fuse::burn(), ++Fuse::alive; }
  // NOLINTNEXTLINE: a move that throws is the point
  Fragile(Fragile&& other) : number(other.number) { Fuse::burn(), ++Fuse::alive; }
  Fragile& operator=(const Fragile&) = default;
  ~Fragile() { --Fuse::alive; }
};

struct FragileHash {
  using is_transparent = void;
  std::uint64_t operator()(const Fragile& key) const {
    Fuse::burn();
    return KeyHash{}(key.number);
  }
};

struct FragileEqual {
  using is_transparent = void;
  bool operator()(const Fragile& a, const Fragile& b) const {
    Fuse::burn();
    return a.number == b.number;
  }
};

using Cache = MemoryCache<Fragile, Fragile, FragileHash, FragileEqual>;

void act(Cache& cache, std::mt19937_64& random) {
  const int n = static_cast<int>(random() % 64);
  switch (random() % 8) {
    case 0:
      (void)cache.get(Fragile(n));
      break;
    case 1:
      (void)cache.find(Fragile(n));
      break;
    case 2:
      cache.erase(Fragile(n));
      break;
    case 3:
      (void)cache.get_or_insert(Fragile(n), [&] { return Fragile(n); });
      break;
    case 4:
      cache.erase_if([n](const Fragile& key, const Fragile&) { return Fuse::burn(), key.number == n; });
      for (std::remove_reference_t<decltype(cache)>::Place place; !place.at_end();) {
        cache.erase_some(
            place, 10, [n](const Fragile& key, const Fragile&) { return Fuse::burn(), key.number == n + 1; });
      }
      break;
    case 5:
      (void)cache.inspect(Fragile(n));
      break;
    default:
      cache.set(Fragile(n), Fragile(n), {.ttl = std::chrono::milliseconds(1 + random() % 1000)});
  }
}

TEST(Throwing, TypesLeaveTheCacheWhole) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  std::mt19937_64 random(test_seed());
  for (const std::string_view name : eviction_names()) {
    testing::FakeClock clock;
    {
      auto options = small_options<Fragile, Fragile>(32, *parse_eviction(name), clock);
      std::size_t removed = 0;
      options.listener = [&](const Fragile&, const Fragile&, RemovalCause) { ++removed; };
      options.weigher = [](const Fragile&, const Fragile&) { return Fuse::burn(), std::size_t{3}; };
      options.max_bytes = 90;
      Cache cache(options);
      int thrown = 0;
      for (int step = 0; step < 20'000; ++step) {
        Fuse::left = random() % 2 == 0 ? static_cast<int>(random() % 12) : -1;
        try {
          act(cache, random);
        } catch (const std::runtime_error&) {
          ++thrown;
        }
        if (random() % 16 == 0) cache.purge_expired();
        Fuse::left = -1;
        clock.advance(std::chrono::milliseconds(random() % 20));
        const MemoryStats stats = cache.stats();
        ASSERT_EQ(stats.inserts + stats.replaced, removed + stats.entries) << name;
        ASSERT_EQ(Inspector::check(cache), "") << name;
      }
      EXPECT_GT(thrown, 100) << name;
    }
    EXPECT_EQ(Fuse::alive, 0) << name;
  }
}

/// Reads and writes more keys than there is room for; what fails is tried again at once.
void use(MemoryCache<int, int>& cache, testing::FakeClock& clock) {
  for (int i = 0; i < 2000; ++i) {
    const int key = i % 900;
    const EntryOptions life{.ttl = key % 10 == 0 ? std::optional<Duration>(1h) : std::nullopt};
    for (bool done = false; !done;) {
      try {
        if (!cache.find(key)) cache.set(key, key, life);
        done = true;
      } catch (const std::bad_alloc&) {
      }
    }
    clock.advance(1ms);
  }
}

/// What the cache has allocated in the end shows whether a part of it took a failure for done.
TEST(Throwing, AfterAFailedAllocationACacheBecomesWhatItWouldHave) {
  for (const std::string_view name : eviction_names()) {
    if (name == "lfu") continue;  // documented: without memory a use goes uncounted
    for (const bool by_bytes : {false, true}) {
      const auto bytes_after = [&](int succeed, bool& failed) {
        testing::FakeClock clock;
        auto options = small_options<int, int>(by_bytes ? 0 : 300, *parse_eviction(name), clock);
        if (by_bytes) options.max_bytes = 8'000;
        Checked<int, int> cache(options);
        failed = Allocations::failing_after(succeed, [&] { use(cache, clock); });
        return cache.stats().used_bytes;
      };
      bool failed = false;
      const std::uint64_t expected = bytes_after(-1, failed);
      failed = true;
      for (int succeed = 0; failed; ++succeed) {
        ASSERT_EQ(bytes_after(succeed, failed), expected)
            << name << (by_bytes ? ", bounded by bytes" : "") << ", after " << succeed << " allocations";
      }
    }
  }
}

/// A thread's first read makes its entry in the register of readers, unless an earlier thread has left one.
TEST(Throwing, AFirstReadWithoutMemoryReachesTheCaller) {
  for (const Eviction eviction : {Eviction::s3fifo, Eviction::lru}) {
    auto options = small_options<int, int>(100, eviction);
    options.advisor = true;
    Checked<int, int> cache(options);
    cache.set(1, 1);
    std::latch end(1);
    std::atomic<bool> thrown = false;
    std::uint64_t reads = 0;
    std::vector<std::jthread> threads;  // they keep the entries that were free
    for (; !thrown && threads.size() < 300; ++reads) {
      std::latch has_read(1);
      threads.emplace_back([&] {
        Allocations::failing_after(0, [&] {
          try {
            EXPECT_EQ(cache.get(1), 1);
          } catch (const std::bad_alloc&) {
            thrown = true;
          }
        });
        if (thrown) {
          EXPECT_EQ(cache.get(1), 1) << "with memory again";
        }
        has_read.count_down();
        end.wait();
      });
      has_read.wait();
    }
    end.count_down();
    EXPECT_TRUE(thrown);
    EXPECT_EQ(cache.stats().hits, reads) << "the read that threw is none";
  }
}

TEST(Throwing, ConditionsAndVisitorsReachTheCaller) {
  Checked<int, int> cache;
  cache.set(1, 1);
  EXPECT_THROW(cache.set_if(1, 2, {}, []() -> bool { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_THROW(cache.visit(1, [](int) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_THROW((void)cache.get_or_insert(2, []() -> int { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(cache.get(1), 1);
  EXPECT_EQ(cache.get(2), std::nullopt);
}

}  // namespace
}  // namespace terrace::memory
