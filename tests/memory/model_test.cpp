// Random operations on a cache and on the model of it, side by side, for every policy and kind of bound.

#include "memory/model.hpp"

#include <list>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

struct SpreadHash {
  using is_transparent = void;
  using is_avalanching = void;
  std::uint64_t operator()(int key) const noexcept { return Model::hash(key); }
};

struct Case {
  std::size_t max_entries;
  std::uint64_t max_bytes;
  bool weighs;
  bool timed;
};

class Pair {
 public:
  using Cache = Checked<int, int, SpreadHash>;

  Pair(Eviction eviction, const Case& c, std::uint64_t seed)
      : case_(c),
        random_(seed),
        model_(eviction, c.max_entries, c.max_bytes, c.weighs),
        cache_(options(eviction)) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      pass_time();
      act();
      compare();
      if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) {
        FAIL() << "at step " << step;
      }
    }
    for (const auto& [handle, value] : held_) EXPECT_EQ(*handle, value);
  }

 private:
  MemoryOptions<int, int> options(Eviction eviction) {
    auto made = small_options<int, int>(case_.max_entries, eviction, clock_);
    made.max_bytes = case_.max_bytes;
    if (case_.weighs) made.weigher = [](int, int value) { return Model::weigh(value); };
    made.listener = [this](int key, int value, RemovalCause cause) {
      removals_.push_back({key, value, cause});
    };
    return made;
  }

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  int key() { return below(2) == 0 ? below(8) : below(40); }

  /// Never in vain: two entries that expire at one time have no order.
  void pass_time() {
    clock_.advance(Duration{1 + below(case_.timed && below(4) == 0 ? 2'000'000'000 : 1000)});
    model_.set_time(clock_.now());
    if (case_.timed) cache_.purge_expired();
  }

  EntryOptions lifetime() {
    EntryOptions lifetime;
    const auto some = [&] { return Duration{below(1'000'000'000)} * (1 + below(20)) - 50ms; };
    if (case_.timed && below(3) > 0) lifetime.ttl = some();
    if (case_.timed && below(3) == 0) lifetime.expire_after_access = some();
    return lifetime;
  }

  void act() {
    const int kind = below(100);
    const int k = key();
    if (kind < 40) {
      EXPECT_EQ(cache_.get(k), model_.get(k));
    } else if (kind < 80) {
      const EntryOptions life = lifetime();
      const int value = below(1000);
      EXPECT_EQ(cache_.set(k, value, life), model_.set(k, value, life.ttl, life.expire_after_access));
    } else if (kind < 85) {
      EXPECT_FALSE(cache_.set_if(k, 1, {}, [] { return false; }));
    } else if (kind < 90) {
      hold(k);
    } else if (kind < 97) {
      EXPECT_EQ(cache_.erase(k), model_.erase(k));
    } else if (kind < 99) {
      const auto multiple = [](int key, int) { return key % 5 == 0; };
      std::size_t erased = 0;
      if (below(2) == 0) {
        erased = cache_.erase_if(multiple);
      } else {
        for (typename std::remove_reference_t<decltype(cache_)>::Place place; !place.at_end();)
          erased += cache_.erase_some(place, 100, multiple);
      }
      EXPECT_EQ(erased, model_.erase_multiples(5));
    } else if (below(5) == 0) {
      cache_.clear();
      model_.clear();
    }
  }

  void hold(int k) {
    auto handle = cache_.find(k);
    const auto expected = model_.get(k);
    ASSERT_EQ(static_cast<bool>(handle), expected.has_value());
    if (handle) held_.emplace_back(std::move(handle), *expected);
    if (held_.size() <= 8) return;
    EXPECT_EQ(*held_.front().first, held_.front().second);
    held_.pop_front();
  }

  void compare() {
    std::map<int, int> content;
    cache_.for_each([&](int k, int value) { EXPECT_TRUE(content.emplace(k, value).second); });
    EXPECT_EQ(content, model_.content());
    auto expected = model_.take_removals();
    auto seen = std::exchange(removals_, {});
    std::sort(expected.begin(), expected.end());
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, expected);
    const MemoryStats a = cache_.stats();
    const MemoryStats& b = model_.stats();
    EXPECT_EQ(
        std::tie(a.hits, a.misses, a.inserts, a.replaced, a.evictions, a.expired, a.erased, a.rejected),
        std::tie(b.hits, b.misses, b.inserts, b.replaced, b.evictions, b.expired, b.erased, b.rejected));
    EXPECT_EQ(Inspector::check(cache_), "");
  }

  Case case_;
  std::mt19937_64 random_;
  testing::FakeClock clock_;
  Model model_;
  std::vector<Removal> removals_;
  Cache cache_;
  std::list<std::pair<Cache::Handle, int>> held_;
};

constexpr Case cases[] = {{12, 0, false, false}, {12, 0, false, true},   {14, 100, true, true},
                          {0, 100, true, false}, {0, 3000, false, true}, {1, 0, true, true}};

TEST(Model, EveryPolicyAndBoundAgreesWithIt) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (const std::string_view name : eviction_names()) {
    for (const Case& c : cases) {
      SCOPED_TRACE(std::string(name) + " entries " + std::to_string(c.max_entries) + " bytes " +
                   std::to_string(c.max_bytes) + (c.timed ? " timed" : ""));
      // The model knows weights only by the weigher.
      Case used = c;
      if (!c.weighs) used.max_bytes = 0;
      if (used.max_entries == 0 && used.max_bytes == 0) used.max_entries = 30;
      Pair(*parse_eviction(name), used, test_seed()).run(3000);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

/// Without purging in between, what is late to leave may push out others, so only what must hold at any time
/// is checked.
TEST(Model, UnreadExpiredEntriesAreNeverServedAndLeaveOnce) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  std::mt19937_64 random(test_seed());
  for (const std::string_view name : eviction_names()) {
    testing::FakeClock clock;
    auto options = small_options<int, int>(60, *parse_eviction(name), clock);
    std::size_t removed = 0;
    options.listener = [&](int, int, RemovalCause) { ++removed; };
    std::size_t stored = 0;
    Checked<int, int> cache(options);
    std::map<int, std::pair<int, TimePoint>> newest;
    for (int step = 0; step < 5000; ++step) {
      clock.advance(Duration{static_cast<std::int64_t>(random() % 100'000'000)});
      const int key = static_cast<int>(random() % 100);
      if (random() % 2 == 0) {
        const Duration ttl{1 + static_cast<std::int64_t>(random() % 5'000'000'000)};
        stored += cache.set(key, step, {.ttl = ttl});
        newest[key] = {step, clock.now() + ttl};
      } else if (const auto value = cache.get(key)) {
        EXPECT_EQ(*value, newest[key].first);
        EXPECT_LT(clock.now(), newest[key].second);
      }
      EXPECT_LE(cache.size(), 60U);
      EXPECT_EQ(stored, removed + cache.size());
    }
    clock.advance(10s);
    cache.purge_expired();
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(stored, removed);
  }
}

}  // namespace
}  // namespace terrace::memory
