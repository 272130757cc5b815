// Concurrent histories of one key can be told as one order of events, while the table around it grows, other
// entries come and go, and the key's node is reused.

#include "distribution/linearizable.hpp"

#include <atomic>
#include <map>

#include "memory/in_threads.hpp"
#include "memory/support.hpp"

namespace terrace::memory {
namespace {

using distribution::Event;
using distribution::why_not_linearizable;

/// Orders begins and ends of all threads.
class Ticks {
 public:
  std::int64_t next() { return ++time_; }

 private:
  std::atomic<std::int64_t> time_{0};
};

/// Values that need no destructor, and values on the heap.
std::uint64_t as_value(std::uint64_t n, std::uint64_t) {
  return n;
}
std::string as_value(std::uint64_t n, const std::string&) {
  return std::string(40, 'x') + std::to_string(n);
}
std::uint64_t number_of(std::uint64_t value) {
  return value;
}
std::uint64_t number_of(const std::string& value) {
  return std::stoull(value.substr(40));
}

/// Every 16th time, something else happens in the same shard, so that the table grows and nodes are reused.
template <class Cache, class V>
void disturb(Cache& cache, std::mt19937_64& random, const V& value) {
  if (random() % 16 != 0) return;
  const int other = 1 + static_cast<int>(random() % 2000);
  if (random() % 4 == 0) {
    cache.erase(other);
  } else {
    cache.set(other, value);
  }
}

/// Three threads write values of their own to key 0, one of them always, and read it; it is never erased, so
/// a miss is 0, which is only there at first.
template <class V>
void register_history(std::uint64_t seed) {
  MemoryCache<int, V> cache(small_options<int, V>(5000));
  Ticks ticks;
  std::array<std::vector<Event>, 3> seen;
  in_threads(3, [&](int t) {
    std::mt19937_64 random(seed + static_cast<unsigned>(t));
    for (std::uint64_t step = 0; step < 30'000; ++step) {
      Event event{.write = t == 0 || random() % 16 == 0, .begin = ticks.next()};
      if (event.write) {
        event.value = 1 + 3 * step + static_cast<unsigned>(t);
        cache.set(0, as_value(event.value, V{}));
      } else {
        cache.visit(0, [&](const V& value) { event.value = number_of(value); });
      }
      event.end = ticks.next();
      seen[static_cast<std::size_t>(t)].push_back(event);
      disturb(cache, random, as_value(1, V{}));
    }
  });
  std::vector<Event> all;
  for (const auto& events : seen) all.insert(all.end(), events.begin(), events.end());
  EXPECT_EQ(why_not_linearizable(all), "");
}

TEST(Linearizable, WritesAndReadsOfOneKey) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (std::uint64_t round = 0; round < 3; ++round) {
    register_history<std::uint64_t>(test_seed() + round);
    register_history<std::string>(test_seed() + round);
    if (::testing::Test::HasFailure()) return;
  }
}

/// One thread stores value 1, erases it, stores 3, erases it …: state s begins with a call and is certain
/// when it has returned. Two threads read; even states are misses.
template <class V>
void erasing_history(std::uint64_t seed) {
  constexpr std::size_t states = 30'000;
  MemoryCache<int, V> cache(small_options<int, V>(5000));
  Ticks ticks;
  std::vector<Event> writes(states);
  std::array<std::vector<Event>, 2> reads;
  std::atomic<bool> done = false;
  in_threads(3, [&](int t) {
    std::mt19937_64 random(seed + static_cast<unsigned>(t));
    for (std::size_t s = 1; t == 2 && s < states; ++s) {
      writes[s] = {.write = true, .value = s, .begin = ticks.next()};
      s % 2 == 0 ? static_cast<void>(cache.erase(0)) : static_cast<void>(cache.set(0, as_value(s, V{})));
      writes[s].end = ticks.next();
      disturb(cache, random, as_value(1, V{}));
    }
    if (t == 2) done = true;
    while (t != 2 && !done) {
      Event event{.begin = ticks.next()};
      cache.visit(0, [&](const V& value) { event.value = number_of(value); });
      event.end = ticks.next();
      reads[static_cast<std::size_t>(t)].push_back(event);
    }
  });
  std::vector<Event> all(writes.begin() + 1, writes.end());
  for (auto& of_thread : reads) {
    for (Event& read : of_thread) {
      // A miss says not which one it is: the last that had begun before the read ended. If that one was over
      // before the read began, there was no other to see.
      if (read.value == 0) {
        auto after = std::upper_bound(writes.begin() + 1, writes.end(), read.end,
                                      [](std::int64_t end, const Event& write) { return end < write.begin; });
        auto state = static_cast<std::size_t>(after - writes.begin()) - 1;
        state -= state % 2;
        if (state + 1 < states && state + 1 < static_cast<std::size_t>(after - writes.begin())) {
          EXPECT_GT(writes[state + 1].end, read.begin) << "a miss while the value was there";
        }
        continue;
      }
      all.push_back(read);
    }
  }
  EXPECT_EQ(why_not_linearizable(all), "");
}

TEST(Linearizable, ErasuresAndReadsOfOneKey) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (std::uint64_t round = 0; round < 2; ++round) {
    erasing_history<std::uint64_t>(test_seed() + round);
    erasing_history<std::string>(test_seed() + round);
    if (::testing::Test::HasFailure()) return;
  }
}

/// The mutant: a replacement in two steps, erase and store, as a reader without care for order would see it.
TEST(Linearizable, MutantThatReplacesInTwoStepsIsCaught) {
  MemoryCache<int, std::uint64_t> cache(small_options<int, std::uint64_t>(100));
  std::vector<Event> all;
  Ticks ticks;
  const auto read = [&] {
    Event event{.begin = ticks.next()};
    cache.visit(0, [&](std::uint64_t value) { event.value = value; });
    event.end = ticks.next();
    all.push_back(event);
  };
  cache.set(0, 1);
  all.push_back({.write = true, .value = 1, .begin = ticks.next(), .end = ticks.next()});
  const std::int64_t begin = ticks.next();
  cache.erase(0);
  read();
  cache.set(0, 2);
  all.push_back({.write = true, .value = 2, .begin = begin, .end = ticks.next()});
  EXPECT_NE(why_not_linearizable(all), "");
}

}  // namespace
}  // namespace terrace::memory
