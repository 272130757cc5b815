// Reading without the lock: what a reader sees stays what it was while it reads, and no longer; nothing that
// waits for readers is forgotten.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <terrace/detail/memory/readers.hpp>
#include <terrace/scheduler.hpp>

#include "memory/allocations.hpp"
#include "memory/in_threads.hpp"
#include "memory/support.hpp"

namespace terrace::memory {
namespace {

/// Whole as long as nobody has destroyed it or put another in its place.
struct Watched {
  explicit Watched(std::uint64_t n) noexcept : number(n), mirror(~n) { ++alive; }
  Watched(Watched&& other) noexcept : Watched(other.number) {}
  Watched(const Watched& other) noexcept : Watched(other.number) {}
  Watched& operator=(const Watched&) = delete;
  ~Watched() {
    number = mirror = 0xdead;
    --alive;
  }
  [[nodiscard]] bool is(std::uint64_t n) const noexcept { return number == n && mirror == ~n; }

  std::uint64_t number;
  std::uint64_t mirror;
  static inline std::atomic<int> alive = 0;
};

using Cache = Checked<int, Watched>;

/// Replaces, evicts and erases more than the cache's slab has room for, so that every free node is used
/// again.
void churn(Cache& cache) {
  for (int i = 0; i < 4000; ++i) {
    cache.set(i % 50, Watched(1000 + static_cast<unsigned>(i)));
    if (i % 3 == 0) cache.erase(i % 50);
  }
}

TEST(Readers, WhatAVisitorSeesStaysWhateverOthersDo) {
  Cache cache(small_options<int, Watched>(20));
  cache.set(7, Watched(7));
  Latch reading;
  Latch changed;
  std::jthread reader([&] {
    EXPECT_TRUE(cache.visit(7, [&](const Watched& value) {
      reading.open();
      changed.wait_until(no_deadline);
      EXPECT_TRUE(value.is(7));
    }));
  });
  reading.wait_until(no_deadline);
  churn(cache);
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_GT(Watched::alive, 0) << "what the reader sees, and what left after it";
  changed.open();
  reader.join();
  cache.clear();
  (void)cache.purge_expired();
  EXPECT_EQ(Watched::alive, 0) << "nothing waits once nobody reads";
}

/// The mutant of the test above: a reader whose section is over when it looks.
TEST(Readers, MutantWhoseSectionHasEndedSeesAnotherValue) {
  MemoryCache<int, std::uint64_t> cache(small_options<int, std::uint64_t>(20));
  cache.set(7, 7);
  const std::uint64_t* seen = nullptr;
  cache.visit(7, [&](const std::uint64_t& value) { seen = &value; });
  for (std::uint64_t i = 0; i < 4000; ++i) cache.set(static_cast<int>(i % 50), 1000 + i);
  EXPECT_NE(*seen, 7U);
}

TEST(Readers, AVisitorMayReadAndWriteCaches) {
  Cache cache(small_options<int, Watched>(20));
  Cache other(small_options<int, Watched>(20));
  cache.set(1, Watched(1));
  other.set(2, Watched(2));
  EXPECT_TRUE(cache.visit(1, [&](const Watched& outer) {
    EXPECT_TRUE(other.visit(2, [](const Watched& inner) { EXPECT_TRUE(inner.is(2)); }));
    churn(other);
    churn(cache);
    EXPECT_TRUE(outer.is(1)) << "the inner section has not ended the outer one";
  }));
}

TEST(Readers, OnlyWhoReadsHoldsUpWhatIsStamped) {
  Latch reading;
  Latch enough;
  std::jthread reader([&] {
    const Readers::Section section;
    reading.open();
    enough.wait_until(no_deadline);
  });
  reading.wait_until(no_deadline);
  const std::uint64_t before = Readers::stamp();
  Readers::advance();
  EXPECT_FALSE(Readers::passed(before));
  enough.open();
  reader.join();
  Readers::advance();
  EXPECT_TRUE(Readers::passed(before));
}

/// A process forked while others read does not wait for them: they are not in it.
TEST(Readers, AForkedProcessIsAlone) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer does not follow a fork of threads";
#endif
  Latch reading;
  Latch enough;
  std::jthread reader([&] {
    const Readers::Section section;
    reading.open();
    enough.wait_until(no_deadline);
  });
  reading.wait_until(no_deadline);
  const pid_t child = fork();
  if (child == 0) {
    const std::uint64_t before = Readers::stamp();
    Readers::advance();
    _exit(Readers::passed(before) ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  enough.open();
}

/// In a program of its own: forks while another thread reads for the first time, and reads in the child.
TEST(ReadersFork, DISABLED_WhileTheFirstReaderEnrols) {
  std::atomic<bool> go = false;
  std::jthread first([&] {
    while (!go) {
    }
    const Readers::Section section;
  });
  go = true;
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    { const Readers::Section section; }
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ReadersFork, AForkDuringTheFirstReadOfAllLeavesNothingLocked) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer does not follow a fork of threads";
#endif
  constexpr int programs = 100;
  for (int i = 0; i < programs; ++i) {
    const pid_t program = fork();
    if (program == 0) {
      const int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDOUT_FILENO);
      execl("/proc/self/exe", "readers", "--gtest_also_run_disabled_tests",
            "--gtest_filter=ReadersFork.DISABLED_WhileTheFirstReaderEnrols", nullptr);
      _exit(1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(program, &status, 0), program);
    ASSERT_EQ(status, 0) << "program " << i;
  }
}

TEST(Readers, AnErasedValueIsDestroyedAtOnceWhenNobodyReads) {
  MemoryCache<int, std::shared_ptr<int>> cache;
  auto shared = std::make_shared<int>(1);
  cache.set(1, shared);
  EXPECT_EQ(shared.use_count(), 2);
  cache.erase(1);
  EXPECT_EQ(shared.use_count(), 1);
  cache.set(1, shared);
  cache.clear();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(Readers, WhatWasReplacedDoesNotPileUp) {
  constexpr std::size_t size = 100'000;
  MemoryCache<int, std::shared_ptr<std::string>> cache({.max_entries = 100});
  std::vector<std::weak_ptr<std::string>> made;
  for (int i = 0; i < 1000; ++i) {
    auto value = std::make_shared<std::string>(size, 'x');
    made.push_back(value);
    cache.set(i % 10, std::move(value));
  }
  const auto left =
      std::count_if(made.begin(), made.end(), [](const auto& value) { return !value.expired(); });
  EXPECT_GE(left, 10);
  EXPECT_LE(left, 10 + 16);
}

TEST(Readers, EachCacheCountsItsOwnReadsOfAllThreadsThatWere) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<MemoryCache<int, int>>> caches;
    for (int i = 0; i < 200; ++i) caches.push_back(std::make_unique<MemoryCache<int, int>>());
    for (auto& cache : caches) cache->set(1, 1);
    in_threads(4, [&](int) {
      for (std::size_t i = 0; i < caches.size(); ++i) {
        for (std::size_t reads = 0; reads <= i; ++reads) (void)caches[i]->get(1);
        (void)caches[i]->get(2);
      }
    });
    for (std::size_t i = 0; i < caches.size(); ++i) {
      EXPECT_EQ(caches[i]->stats().hits, 4 * (i + 1));
      EXPECT_EQ(caches[i]->stats().misses, 4U);
    }
  }
}

TEST(Readers, NoTwoThreadsCountInTheSameCacheLine) {
  constexpr unsigned caches = 300;
  constexpr int threads = 3;
  std::array<std::array<Counters*, caches>, threads> of{};
  std::latch all_there(threads);
  in_threads(threads, [&](int t) {
    for (unsigned n = 0; n < caches; ++n) {
      of[static_cast<std::size_t>(t)][n] = Readers::own().counters_of(n, true);
    }
    all_there.arrive_and_wait();  // or a later thread would take over what an earlier one leaves
  });
  std::set<Counters*> all;
  std::array<std::set<std::uintptr_t>, threads> lines;
  for (std::size_t t = 0; t < threads; ++t) {
    for (Counters* counters : of[t]) {
      EXPECT_TRUE(all.insert(counters).second) << "each cache has its own";
      lines[t].insert(reinterpret_cast<std::uintptr_t>(counters) / 128);
    }
  }
  for (std::size_t t = 1; t < threads; ++t) {
    for (std::size_t other = 0; other < t; ++other) {
      for (const std::uintptr_t line : lines[t]) EXPECT_FALSE(lines[other].contains(line));
    }
  }
}

TEST(Readers, TheCountersOfACacheAreThoseOfItsNumberHoweverManyThereAre) {
  std::vector<std::unique_ptr<Tally>> tallies;
  std::vector<unsigned> numbers;
  for (int i = 0; i < 200; ++i) {
    const unsigned number = Readers::take_counters();
    Readers::leave_counters(number);
    numbers.push_back(number);
    tallies.push_back(std::make_unique<Tally>());
  }
  EXPECT_GE(numbers.back(), 199U);
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    const Counters& own = *Readers::own().counters_of(numbers[i], true);
    const std::uint64_t before = own[Tally::hits];
    tallies[i]->add(Tally::hits, Readers::own());
    EXPECT_EQ(own[Tally::hits], before + 1) << "cache " << i;
    EXPECT_EQ(tallies[i]->sum(Tally::hits), 1U);
  }
}

TEST(Readers, ACacheGivesItsCountersBack) {
  std::vector<std::unique_ptr<Tally>> others;
  for (int many : {0, 100}) {
    while (others.size() < static_cast<std::size_t>(many)) others.push_back(std::make_unique<Tally>());
    const unsigned next = Readers::take_counters();
    Readers::leave_counters(next);
    for (int i = 0; i < 500; ++i) {
      MemoryCache<int, int> cache({.max_entries = 10});
      (void)cache.get(1);
    }
    EXPECT_EQ(Readers::take_counters(), next);
    Readers::leave_counters(next);
  }
}

TEST(Readers, CountsAreExactWithoutMemoryForMoreCounters) {
  std::vector<std::unique_ptr<MemoryCache<int, int>>> caches;
  for (int i = 0; i < 400; ++i) caches.push_back(std::make_unique<MemoryCache<int, int>>());
  for (auto& cache : caches) {
    (void)Allocations::failing_after(0, [&] { EXPECT_EQ(cache->get(1), std::nullopt); });
    (void)cache->get(1);
    EXPECT_EQ(cache->stats().misses, 2U);
  }
}

/// Another thread may be following it to a node that it destroys, with neither lock nor section. (Pinned
/// nodes fill the slab while the index holds one entry, so nothing else grows.)
TEST(Readers, ADirectoryOfNodesThatWasOutgrownStaysAsLongAsTheCache) {
  struct Large {
    int number;
    std::array<char, 8192> rest;
  };
  MemoryCache<int, Large> cache(small_options<int, Large>(1000, Eviction::fifo));
  std::vector<MemoryCache<int, Large>::Handle> held;
  const std::size_t before = Allocations::aligned_freed;
  for (int i = 0; i < 500; ++i) {
    cache.set(1, Large{i, {}});
    held.push_back(cache.find(1));
  }
  EXPECT_EQ(Allocations::aligned_freed, before);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(held[static_cast<std::size_t>(i)]->number, i);
}

/// All keys are in one place; comparing with 0 waits.
struct OnePlace {
  using is_transparent = void;
  using is_avalanching = void;
  std::uint64_t operator()(int) const noexcept { return 42; }
};
struct Waiting {
  using is_transparent = void;
  static inline std::function<void()> at_zero;
  bool operator()(int a, int b) const {
    if (a == 0 && b == 1) at_zero();
    return a == b;
  }
};

TEST(Readers, MayBeInATableThatHasGrownMeanwhile) {
  Latch inside;
  Latch grown;
  Waiting::at_zero = [] {};
  MemoryCache<int, std::string, OnePlace, Waiting> cache(
      small_options<int, std::string>(1000, Eviction::fifo));
  cache.set(0, "zero");
  cache.set(1, "one");
  Waiting::at_zero = [&] {
    inside.open();
    grown.wait_until(no_deadline);
  };
  std::jthread reader([&] { EXPECT_EQ(cache.get(1), "one"); });
  inside.wait_until(no_deadline);
  for (int i = 2; i < 300; ++i) cache.set(i, "more");
  grown.open();
}

/// Values come and go under the eyes of readers, for every policy; none is seen broken, none is lost.
TEST(Readers, EveryPolicyKeepsWhatIsReadWhole) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (const std::string_view name : eviction_names()) {
    {
      auto options = small_options<int, Watched>(40, *parse_eviction(name));
      Cache cache(options);
      in_threads(3, [&](int t) {
        std::mt19937_64 random(test_seed() + static_cast<unsigned>(t));
        for (int step = 0; step < 20'000; ++step) {
          const auto key = static_cast<unsigned>(random() % 60);
          const auto k = static_cast<int>(key);
          const EntryOptions life{.ttl = std::chrono::microseconds(random() % 2 == 0 ? 50 : 1'000'000)};
          if (t == 0 || random() % 8 == 0) {
            cache.set(k, Watched(key), random() % 4 == 0 ? life : EntryOptions{});
          } else if (random() % 64 == 0) {
            cache.erase(k);
          } else {
            cache.visit(k, [&](const Watched& value) { EXPECT_TRUE(value.is(key)); });
            cache.peek(k, [&](const Watched& value) { EXPECT_TRUE(value.is(key)); });
          }
        }
      });
    }
    EXPECT_EQ(Watched::alive, 0) << name;
  }
}

}  // namespace
}  // namespace terrace::memory
