/// Caches of several processes over a replicated tier of real Redis servers, one of which dies meanwhile:
/// leases, late fills, memory that hears of changes, and tags.

#include <gtest/gtest.h>

#include <array>
#include <terrace/cache.hpp>
#include <thread>

#include "chaos/replicated_world.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

ReplicatedOptions tier_options(Consistency consistency) {
  ReplicatedOptions options;
  options.consistency = consistency;
  options.repair_time = 10s;
  return options;
}

/// A cache as one process has it.
class CacheOfAProcess {
 public:
  CacheOfAProcess(const Servers& servers, Consistency consistency, Duration max_staleness = 1s)
      : member_(servers, tier_options(consistency)),
        cache_({.name = "c",
                .ttl = 1h,
                .consistency = consistency,
                .max_staleness = max_staleness,
                .tier_timeout = 500ms,
                .scheduler = member_.runtime()},
               {member_.tier()}) {}

  [[nodiscard]] Member& member() noexcept { return member_; }
  Cache<std::string>* operator->() noexcept { return &cache_; }

 private:
  Member member_;
  Cache<std::string> cache_;
};

class ReplicatedCache : public ::testing::Test {
 protected:
  void start(Consistency consistency) {
    caches_.clear();
    for (int i = 0; i < 3; ++i) caches_.emplace_back(servers_, consistency);
    for (auto& cache : caches_) {
      ASSERT_TRUE(eventually([&] { return cache.member().sees_all_members(); }));
    }
  }
  /// The value in memory, so that it will be served from there.
  void warm(CacheOfAProcess& cache, const std::string& key) {
    EXPECT_TRUE(eventually([&] {
      static_cast<void>(cache->get(key));
      return cache->visit_memory(key, [](const std::string&) {});
    })) << key;
  }
  /// Till the cache answers so; within the bound of staleness and what a loaded machine takes.
  void expect_soon(CacheOfAProcess& cache, const std::string& key, const std::optional<std::string>& value) {
    EXPECT_TRUE(eventually([&] { return cache->get(key) == value; }, 3s)) << key;
  }

  Servers servers_{3};
  std::deque<CacheOfAProcess> caches_;
};

/// With strong consistency; else who reads from a node that the fill has not reached loads again.
TEST_F(ReplicatedCache, OneOfManyLoads) {
  start(Consistency::strong);
  for (std::uint64_t round = 0; round < scaled(20, 200); ++round) {
    const std::string key = "k" + std::to_string(round);
    std::atomic<unsigned> loads{0};
    std::atomic<unsigned> right{0};
    Barrier ready;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        ready.wait(12);
        const auto got = caches_[i % 3]->get_or_load(key, [&] {
          ++loads;
          return std::string("value");
        });
        if (got && *got == "value") ++right;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(loads, 1U) << key;
    EXPECT_EQ(right, 12U) << key;
  }
}

TEST_F(ReplicatedCache, MemoryHearsOfChangesElsewhereAlsoWhileAServerIsAway) {
  start(Consistency::eventual);
  caches_[0]->set("k", "1").value();
  warm(caches_[1], "k");
  caches_[0]->set("k", "2").value();
  expect_soon(caches_[1], "k", "2");
  warm(caches_[1], "k");
  servers_[1].kill9();
  EXPECT_TRUE(caches_[0]->set("k", "3"));
  expect_soon(caches_[1], "k", "3");
  EXPECT_TRUE(caches_[2]->erase("k"));
  expect_soon(caches_[1], "k", std::nullopt);
  servers_[1].start();
  for (auto& cache : caches_) {
    ASSERT_TRUE(eventually([&] { return cache.member().sees_all_members(); }));
  }
  caches_[0]->set("k", "4").value();
  warm(caches_[1], "k");
  caches_[2]->set("k", "5").value();
  expect_soon(caches_[1], "k", "5");
}

TEST_F(ReplicatedCache, ATagReachesAllAlsoWhileAServerIsAway) {
  start(Consistency::eventual);
  const auto load = [&](CacheOfAProcess& cache, const std::string& value) {
    return cache->get_or_load("k", [&] { return value; }, {.tags = {"t"}});
  };
  ASSERT_EQ(load(caches_[0], "1").value(), "1");
  // An eventual read may ask a node that has not got the fill yet, and load the same again.
  EXPECT_TRUE(eventually([&] { return load(caches_[1], "1").value() == "1"; }, 3s)) << "filled";
  EXPECT_TRUE(caches_[2]->invalidate_tag("t"));
  EXPECT_TRUE(eventually([&] { return load(caches_[1], "2").value() == "2"; }, 3s));
  servers_[0].kill9();
  EXPECT_TRUE(caches_[2]->invalidate_tag("t"));
  EXPECT_TRUE(eventually([&] { return load(caches_[1], "3").value() == "3"; }, 3s));
  EXPECT_TRUE(eventually([&] { return load(caches_[0], "3").value() == "3"; }, 3s));
  servers_[0].start();
}

/// Another cache erases while this one loads; then, in the second round, with a server away.
TEST_F(ReplicatedCache, F12_AFillFromBeforeAnEraseIsRejected) {
  for (const auto consistency : {Consistency::eventual, Consistency::strong}) {
    start(consistency);
    for (const bool one_away : {false, true}) {
      const std::string key =
          "k" + std::to_string(one_away) + (consistency == Consistency::strong ? "s" : "e");
      if (one_away) servers_[2].kill9();
      std::atomic<bool> loading{false};
      std::atomic<bool> erased{false};
      std::thread reader([&] {
        const auto got = caches_[0]->get_or_load(key, [&] {
          loading = true;
          static_cast<void>(eventually([&] { return erased.load(); }, 2s));
          return std::string("old");
        });
        EXPECT_EQ(got.value(), "old") << "the value goes to who asked for it";
      });
      ASSERT_TRUE(eventually([&] { return loading.load(); }));
      EXPECT_TRUE(caches_[1]->erase(key));
      erased = true;
      reader.join();
      caches_[0]->flush().value();
      for (auto& cache : caches_) EXPECT_EQ(cache->get(key), std::nullopt) << key;
      if (one_away) servers_[2].start();
    }
  }
}

constexpr std::size_t keys = 8;

/// The origin: a version for each key. `written`: what the origin has. `told`: what the writer has erased
/// for, so that no read that begins later may show less.
struct CacheWorld {
  std::array<std::atomic<std::uint64_t>, keys> written;
  std::array<std::atomic<std::uint64_t>, keys> told;
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<bool> stop{false};
};

void read(const Servers& servers, CacheWorld& world, std::uint32_t seed) {
  CacheOfAProcess cache(servers, Consistency::strong);
  std::minstd_rand random(seed);
  while (!world.stop) {
    const std::size_t key = random() % keys;
    const std::uint64_t floor = world.told[key];
    const auto got = cache->get_or_load(std::to_string(key), [&] {
      ++world.loads;
      const std::uint64_t version = world.written[key];
      for (int i = 0; i < 20; ++i) sched_yield();  // it is old by the time it arrives
      return std::to_string(version);
    });
    if (got && std::stoull(*got) < floor) ++world.stale;
    ++world.operations;
  }
}

void write(const Servers& servers, CacheWorld& world, std::uint32_t seed) {
  CacheOfAProcess cache(servers, Consistency::strong);
  std::minstd_rand random(seed);
  while (!world.stop) {
    const std::size_t key = random() % keys;
    const std::uint64_t version = ++world.written[key];
    if (cache->erase(std::to_string(key))) {
      world.told[key] = version;
    } else {
      ++world.failed;
    }
    ++world.operations;
  }
}

TEST(ReplicatedCacheChaos, F12_NothingStaleWhileServersDieAndForget) {
  const std::uint32_t seed = std::random_device{}();
  const std::uint64_t operations = scaled(1'000, 50'000);
  Servers servers(3);
  InCommon<CacheWorld> world;
  Processes processes;
  for (std::uint32_t i = 1; i <= 3; ++i) processes.start([&, i] { read(servers, *world, seed + i); });
  processes.start([&] { write(servers, *world, seed); });
  Observer observer(servers, 10s);
  EXPECT_TRUE(observer.all_become_members());
  Faults faults(servers, observer, seed);
  const auto goes_on = [&] {
    const auto enough = world->operations + 200;
    eventually([&] { return world->operations >= enough; }, 400ms);
  };
  while ((world->operations < operations || faults.made() < 3) && !HasFailure()) {
    faults.make(goes_on);
    goes_on();
  }
  world->stop = true;
  EXPECT_EQ(processes.join(), 0U);
  std::printf("seed %u: %lu stale of %lu operations, %lu loads, %lu erases failed, %u faults\n", seed,
              world->stale.load(), world->operations.load(), world->loads.load(), world->failed.load(),
              faults.made());
  EXPECT_EQ(world->stale, 0U);
  EXPECT_GT(world->loads, 0U);
}

}  // namespace
}  // namespace terrace::chaos
