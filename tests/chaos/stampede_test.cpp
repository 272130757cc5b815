/// Many waiters in many processes on one expiry, over a real Redis.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <thread>

#include "chaos/processes.hpp"
#include "support/child_process.hpp"
#include "support/redis_server.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;

constexpr unsigned processes_count = 8;
constexpr unsigned waiters = 1000;

struct Stampede {
  Barrier ready;
  std::atomic<unsigned> loads{0};
  std::atomic<unsigned> right{0};
  std::atomic<unsigned> wrong{0};
  std::atomic<pid_t> holder{0};
};

/// One process: so many reads of one key at the same time.
void wait_in_process(const std::string& url, Stampede& world, Duration load_time) {
  Cache<std::string> cache({.name = "stampede", .ttl = 1h, .lease_time = 1s, .load_timeout = 20s},
                           {make_redis_tier({.url = url})});
  cache.get("warm up the connection");
  const auto loader = cascade::make_loader<std::string>([&] {
    ++world.loads;
    pid_t nobody = 0;
    world.holder.compare_exchange_strong(nobody, getpid());
    const TimePoint end = after(system_clock().now(), load_time);
    while (system_clock().now() < end) sched_yield();
    return std::string("value");
  });
  world.ready.wait(processes_count);
  std::atomic<unsigned> left{waiters};
  const auto all = std::make_shared<Latch>();
  for (unsigned i = 0; i < waiters; ++i) {
    detail::CacheAccess::engine(cache).read(
        {"k"}, loader, {}, [&, all](const std::vector<cascade::Answer>& answers) {
          ++(answers.front().kind == LookupKind::hit ? world.right : world.wrong);
          if (--left == 0) all->open();
        });
  }
  detail::CacheAccess::engine(cache).scheduler().wait(*all, no_deadline);
  cache.flush().value();  // a process that ends at once would take its fill along
}

TEST(Stampede, F36_EightProcessesOfAThousandWaitersLoadOnce) {
  testing::RedisServer server;
  for (std::uint64_t round = 0; round < scaled(2, 20); ++round) {
    server.cli({"FLUSHALL"});
    InCommon<Stampede> world;
    Processes processes;
    for (unsigned i = 0; i < processes_count; ++i) {
      processes.start([&] { wait_in_process(server.url(), *world, 100ms); });
    }
    EXPECT_EQ(processes.join(), 0U);
    EXPECT_EQ(world->loads, 1U) << "round " << round;
    EXPECT_EQ(world->right, processes_count * waiters);
  }
}

/// The control: the same without leases, as several programs with only a single flight of their own do.
TEST(Stampede, F36_WithoutLeasesEveryProcessLoads) {
  testing::RedisServer server;
  InCommon<Stampede> world;
  Processes processes;
  for (unsigned i = 0; i < processes_count; ++i) {
    processes.start([&] {
      Cache<std::string> alone({.name = "alone"});
      world->ready.wait(processes_count);
      alone.get_or_load("k", [&] { return ++world->loads, std::string("value"); }).value();
    });
  }
  EXPECT_EQ(processes.join(), 0U);
  EXPECT_EQ(world->loads, processes_count);
}

TEST(Stampede, F37_AKilledHolderIsReplacedByOneOther) {
  testing::RedisServer server;
  for (std::uint64_t round = 0; round < scaled(1, 10); ++round) {
    server.cli({"FLUSHALL"});
    InCommon<Stampede> world;
    Processes processes;
    for (unsigned i = 0; i < processes_count; ++i) {
      processes.start([&] { wait_in_process(server.url(), *world, 300ms); });
    }
    testing::eventually([&] { return world->holder != 0; });
    kill(world->holder, SIGKILL);
    EXPECT_EQ(processes.join(), 1U) << "the killed one";
    EXPECT_LE(world->loads, 2U) << "round " << round;
    EXPECT_EQ(world->right, (processes_count - 1) * waiters);
    EXPECT_EQ(world->wrong, 0U);
  }
}

}  // namespace
}  // namespace terrace::chaos
