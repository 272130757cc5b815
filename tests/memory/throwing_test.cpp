// Keys, values, weighers, hashes and conditions that throw: the exception reaches the caller, the cache stays
// whole.

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
