/// The sharded tier over real Redis servers: three, then four, under caches that load, read and erase; and a
/// server that goes and comes back.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <mutex>
#include <random>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/sharded_tier.hpp>
#include <thread>

#include "conformance/tier_conformance.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::RedisServer;

constexpr std::size_t keys = 64;

/// The origin: a version for each key. `written`: what the origin has. `told`: what a writer has erased for,
/// so that no read that begins later may show less.
struct World {
  std::array<std::atomic<std::uint64_t>, keys> written{};
  std::array<std::mutex, keys> writing;  // one writer a key, so that versions are told in order
  std::array<std::atomic<std::uint64_t>, keys> told{};
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<bool> stop{false};
};

/// One process: connections of its own, and a cache whose reads all ask the tiers.
class Process {
 public:
  explicit Process(const std::vector<std::unique_ptr<RedisServer>>& servers) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      all_.push_back({"redis" + std::to_string(i), make_redis_tier({.url = servers[i]->url()})});
    }
    tier_ = make_sharded_tier({.shards = {all_.begin(), all_.end() - 1}});
    cache_.emplace(Cache<std::uint64_t>(
        {.name = "race", .ttl = 1h, .consistency = Consistency::strong, .tier_timeout = 300ms}, {tier_}));
  }

  void change(ShardChange how) { tier_->change_shards(all_, how); }
  [[nodiscard]] ShardedTier& tier() { return *tier_; }

  void read(World& world, std::size_t key) {
    const std::uint64_t floor = world.told[key];
    const auto got = cache_->get_or_load(std::to_string(key), [&] {
      ++world.loads;
      const std::uint64_t version = world.written[key];
      for (int i = 0; i < 20; ++i) std::this_thread::yield();  // it is old by the time it arrives
      return version;
    });
    ++world.reads;
    if (got && *got < floor) ++world.stale;
  }

  void write(World& world, std::size_t key) {
    const std::lock_guard one(world.writing[key]);
    const std::uint64_t version = ++world.written[key];
    if (cache_->erase(std::to_string(key))) {
      world.told[key] = version;
    } else {
      ++world.failed;
    }
  }

 private:
  std::vector<Shard> all_;
  std::shared_ptr<ShardedTier> tier_;
  std::optional<Cache<std::uint64_t>> cache_;
};

/// Two processes with a reader and a writer each, at first over all servers but the last.
class Race {
 public:
  explicit Race(const std::vector<std::unique_ptr<RedisServer>>& servers)
      : processes_{Process(servers), Process(servers)} {
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    for (unsigned i = 0; i < 4; ++i) threads_.emplace_back([this, i, seed] { run(i, seed + i); });
    EXPECT_TRUE(goes_on());
  }
  ~Race() {
    world_.stop = true;
    for (auto& thread : threads_) thread.join();
    std::cout << world_.reads << " reads, " << world_.loads << " loads, " << world_.failed
              << " failed writes, " << world_.stale << " stale\n";
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] Process& process(std::size_t i) { return processes_[i]; }
  [[nodiscard]] bool goes_on() {
    const std::uint64_t before = world_.reads;
    return eventually([&] { return world_.reads > before + 500; }, 60s);
  }

 private:
  void run(unsigned i, unsigned seed) {
    std::minstd_rand random(seed);
    Process& process = processes_[i % 2];
    while (!world_.stop) {
      const std::size_t key = random() % keys;
      i < 2 ? process.read(world_, key) : process.write(world_, key);
    }
  }

  World world_;
  std::array<Process, 2> processes_;
  std::vector<std::thread> threads_;
};

class ShardedRedis : public ::testing::Test {
 protected:
  ShardedRedis() {
    for (int i = 0; i < 4; ++i) servers_.push_back(std::make_unique<RedisServer>());
  }

  std::vector<std::unique_ptr<RedisServer>> servers_;
};

TEST_F(ShardedRedis, F29_FromThreeToFourUnderWrites) {
  Race race(servers_);
  ShardedTier& first = race.process(0).tier();
  ShardedTier& second = race.process(1).tier();
  race.process(0).change({.settle = 2500ms, .grace = 2500ms});
  EXPECT_TRUE(eventually([&] { return first.change_left() <= 7s; }, 30s));
  race.process(1).change({.settle = 2500ms, .grace = 2500ms});
  EXPECT_TRUE(eventually([&] { return first.change_left() + second.change_left() == 0ns; }, 60s));
  EXPECT_TRUE(race.goes_on());
  EXPECT_EQ(race.world().stale, 0U);
  EXPECT_GT(race.world().loads, 0U);
  const auto shards = first.shards();
  ASSERT_EQ(shards.size(), 4U);
  EXPECT_GT(shards[3].stats.hits + shards[3].stats.misses, 0U) << "the fourth is asked";
}

/// The control: what the settle time is for. The second process goes on at the old owner.
TEST_F(ShardedRedis, F29_WithoutSettlingValuesComeBack) {
  Process first(servers_);
  Process second(servers_);
  first.change({.settle = 0s, .grace = 1h});
  std::size_t moved = 0;
  const auto owner = [&](Process& process) {
    return process.tier().shard_of("race:" + std::to_string(moved));
  };
  while (owner(first) == owner(second)) ASSERT_LT(++moved, keys);
  World world;
  ASSERT_TRUE(eventually([&] {
    first.read(world, moved);
    return world.reads > world.loads;
  })) << "a read that finds what an earlier one loaded";
  second.write(world, moved);
  first.read(world, moved);
  EXPECT_EQ(world.stale, 1U);
}

TEST_F(ShardedRedis, AServerThatGoesTakesOnlyItsKeysAndComesBack) {
  std::vector<Shard> shards;
  for (std::size_t i = 0; i < 3; ++i) {
    shards.push_back({"redis" + std::to_string(i), make_redis_tier({.url = servers_[i]->url()})});
  }
  const auto tier = make_sharded_tier({.shards = shards});
  const conformance::Caller call(*tier);
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("key" + std::to_string(i));
  for (const auto& name : names) call.set(name, name).value();
  servers_[1]->kill9();
  const auto down = [&] {
    const auto found = call.get_many({names.begin(), names.end()});
    std::size_t lost = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool its = tier->shard_of(names[i]) == "redis1";
      lost += found[i] ? 0 : 1;
      if (its) {
        EXPECT_EQ(found[i] ? *found[i] : Found(), Found()) << "it came back empty";
      } else {
        EXPECT_EQ(found[i].value(), names[i]);
      }
    }
    return lost;
  };
  EXPECT_GT(down(), 50U);
  EXPECT_EQ(call.erase_prefix("none").error(), Errc::partial_write);
  servers_[1]->start();
  EXPECT_TRUE(eventually([&] { return down() == 0; }, 20s));
  const auto kept = std::count_if(names.begin(), names.end(),
                                  [&](const auto& name) { return tier->shard_of(name) != "redis1"; });
  EXPECT_EQ(call.erase_prefix("key").value(), static_cast<std::uint64_t>(kept));
}

}  // namespace
}  // namespace terrace
