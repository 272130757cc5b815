/// Loads that need each other, that fail while processes wait, and that come all at once, over a real Redis.

#include <gtest/gtest.h>

#include <algorithm>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "chaos/processes.hpp"
#include "support/redis_server.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;

/// What a loader does that works for so long.
void work(Duration time) {
  const TimePoint end = after(system_clock().now(), time);
  while (system_clock().now() < end) sched_yield();
}

/// Every parent needs a child, and the child a grandchild, with the default limits.
TEST(Loads, F52_AThousandParentsThreeDeepNeverStarve) {
  testing::RedisServer server;
  const auto parents = static_cast<unsigned>(scaled(200, 1000));
  Cache<std::string> cache({.name = "deep"}, {make_redis_tier({.url = server.url()})});
  std::atomic<unsigned> right{0};
  std::atomic<unsigned> left{parents};
  const auto all = std::make_shared<Latch>();
  const auto loader = cascade::make_loader<std::string>([&](std::string_view key) {
    const std::string id(key.substr(1));
    const auto child = cache.get_or_load("c" + id, [&] {
      const auto grandchild = cache.get_or_load("g" + id, [&] { return id; });
      return grandchild.value();
    });
    return child.value();
  });
  for (unsigned i = 0; i < parents; ++i) {
    detail::CacheAccess::engine(cache).read(
        {"p" + std::to_string(i)}, loader, {}, [&, i, all](const std::vector<cascade::Answer>& answers) {
          const auto& value = answers.front().entry.value;
          if (value && *static_cast<const std::string*>(value.get()) == std::to_string(i)) ++right;
          if (--left == 0) all->open();
        });
  }
  detail::CacheAccess::engine(cache).scheduler().wait(*all, no_deadline);
  EXPECT_EQ(right, parents);
  EXPECT_EQ(cache.stats().loads, 3 * parents);
}

struct Convoy {
  static constexpr unsigned size = 20;
  Barrier ready;
  Barrier answered;
  std::atomic<unsigned> loads{0};
  std::atomic<unsigned> failed{0};
  std::atomic<std::int64_t> slowest_ms{0};
};

TEST(Loads, F53_AFailingLoadIsNotRepeatedByTheProcessesThatWait) {
  testing::RedisServer server;
  for (std::uint64_t round = 0; round < scaled(1, 5); ++round) {
    server.cli({"FLUSHALL"});
    InCommon<Convoy> world;
    Processes processes;
    for (unsigned i = 0; i < Convoy::size; ++i) {
      processes.start([&] {
        // A busy machine may leave a process without processor time for longer than tier_timeout.
        Cache<std::string> cache({.name = "convoy", .tier_timeout = 10s},
                                 {make_redis_tier({.url = server.url()})});
        cache.get("warm up the connection");
        world->ready.wait(Convoy::size);
        const TimePoint began = system_clock().now();
        const auto found = cache.lookup_or_load("k", [&]() -> std::string {
          ++world->loads;
          work(500ms);
          throw std::runtime_error("origin down");
        });
        if (found.error == Errc::loader_failed) ++world->failed;
        const auto took = std::chrono::ceil<std::chrono::milliseconds>(system_clock().now() - began).count();
        auto slowest = world->slowest_ms.load();
        while (took > slowest && !world->slowest_ms.compare_exchange_weak(slowest, took)) {
        }
        // A process that ends at once takes the mark of its lease along, and the lease expires.
        world->answered.wait(Convoy::size);
      });
    }
    EXPECT_EQ(processes.join(), 0U);
    EXPECT_LE(world->loads, 2U) << "a process that came late may have begun a load of its own";
    EXPECT_EQ(world->failed, Convoy::size);
    EXPECT_LT(world->slowest_ms, 5000) << "one after the other took ten seconds";
  }
}

/// Everything is invalidated at once, and every key is wanted at once.
TEST(Loads, F54_AStormOfReloadsKeepsToTheBudget) {
  testing::RedisServer server;
  constexpr double rate = 200;
  const auto count = static_cast<unsigned>(scaled(300, 2000));
  Cache<std::string> cache({.name = "storm", .max_loads_per_second = rate},
                           {make_redis_tier({.url = server.url()})});
  std::vector<std::pair<std::string, std::string>> values;
  for (unsigned i = 0; i < count; ++i) values.emplace_back("k" + std::to_string(i), "old");
  for (const auto& [key, value] : values) cache.set(key, value).value();
  cache.clear().value();
  std::mutex mutex;
  std::vector<TimePoint> calls;
  std::atomic<unsigned> left{count};
  const auto all = std::make_shared<Latch>();
  const auto loader = cascade::make_loader<std::string>([&] {
    const std::lock_guard lock(mutex);
    calls.push_back(system_clock().now());
    return std::string("new");
  });
  for (const auto& [key, value] : values) {
    detail::CacheAccess::engine(cache).read({key}, loader, {},
                                            [&, all](const std::vector<cascade::Answer>& answers) {
                                              EXPECT_EQ(answers.front().kind, LookupKind::hit);
                                              if (--left == 0) all->open();
                                            });
  }
  detail::CacheAccess::engine(cache).scheduler().wait(*all, no_deadline);
  std::sort(calls.begin(), calls.end());
  ASSERT_EQ(calls.size(), count);
  // The loader counts when its thread runs, so a busy machine may shift some calls into one second.
  for (std::size_t first = 0, last = 0; last < calls.size(); ++last) {
    while (calls[last] - calls[first] > 1s) ++first;
    ASSERT_LE(static_cast<double>(last - first + 1), 1.5 * rate);
  }
  EXPECT_GT(calls.back() - calls.front(), std::chrono::duration<double>(0.8 * (count - rate / 10) / rate));
}

}  // namespace
}  // namespace terrace::chaos
