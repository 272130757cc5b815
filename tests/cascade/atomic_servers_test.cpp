/// Atomic operations on real servers, from several processes as it were: caches with connections and a memory of their
/// own. The figures are those of the race that lost updates before there were atomic operations.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <terrace/cache.hpp>
#include <terrace/postgres.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

enum class Stack : std::uint8_t {
  memory,
  redis,
  redis_and_postgres,
  redis_and_private_file,
  postgres,
  sqlite
};

class AtomicOnServers : public ::testing::TestWithParam<Stack> {
 protected:
  static constexpr unsigned caches = 2;
  static constexpr unsigned threads_each = 4;

  void SetUp() override {
    for (unsigned i = 0; i < caches; ++i) caches_.push_back(make(i));
  }

  [[nodiscard]] std::shared_ptr<Cache<std::int64_t>> make(unsigned process) {
    const Stack over = GetParam();
    if (over == Stack::memory && process > 0) return caches_.front();
    std::vector<std::shared_ptr<Tier>> tiers;
    if (over == Stack::redis || over == Stack::redis_and_postgres || over == Stack::redis_and_private_file) {
      if (redis_ == nullptr) redis_ = std::make_unique<testing::RedisServer>();
      tiers.push_back(make_redis_tier({.url = redis_->url()}));
    }
    if (over == Stack::redis_and_postgres || over == Stack::postgres) {
      if (postgres_ == nullptr) postgres_ = std::make_unique<testing::PostgresServer>();
      tiers.push_back(make_postgres_tier({.url = postgres_->url()}));
    }
    if (over == Stack::sqlite) tiers.push_back(make_sqlite_tier({.path = folder_.file("shared.db")}));
    if (over == Stack::redis_and_private_file)
      tiers.push_back(make_sqlite_tier({.path = folder_.file("private" + std::to_string(process) + ".db")}));
    return std::make_shared<Cache<std::int64_t>>(
        CacheOptions{.name = "atomic", .ttl = 1h, .ttl_jitter = 0, .tier_timeout = 10s}, std::move(tiers));
  }

  /// A call of PostgreSQL takes a millisecond under contention.
  [[nodiscard]] static bool is_slow() {
    return GetParam() == Stack::postgres || GetParam() == Stack::redis_and_postgres;
  }

  /// Runs `work(cache, thread)` in all threads of all caches at once.
  template <class Work>
  void everywhere(Work work) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < caches * threads_each; ++i)
      threads.emplace_back([this, i, &work] { work(*caches_[i % caches], i); });
    for (std::thread& thread : threads) thread.join();
  }

  const testing::TempDir folder_;
  std::unique_ptr<testing::RedisServer> redis_;
  std::unique_ptr<testing::PostgresServer> postgres_;
  std::vector<std::shared_ptr<Cache<std::int64_t>>> caches_;
};

TEST_P(AtomicOnServers, NoIncrementIsLost) {
  const int each = is_slow() ? 25 : 100;
  everywhere([each](auto& cache, unsigned) {
    for (int i = 0; i < each; ++i) EXPECT_TRUE(cache.increment("n", 1, {.initial = 0}));
  });
  for (const auto& cache : caches_) EXPECT_EQ(cache->current("n").value().value, 8 * each);
}

TEST_P(AtomicOnServers, OneCallerAddsAndOneCallerTakes) {
  const int keys = is_slow() ? 20 : 60;
  std::atomic<int> added{0};
  std::atomic<int> taken{0};
  everywhere([&](auto& cache, unsigned thread) {
    for (int key = 0; key < keys; ++key) added += cache.add(std::to_string(key), thread).value() ? 1 : 0;
  });
  everywhere([&](auto& cache, unsigned) {
    for (int key = 0; key < keys; ++key) taken += cache.take(std::to_string(key)).value().has_value() ? 1 : 0;
  });
  EXPECT_EQ(added, keys);
  EXPECT_EQ(taken, keys);
}

/// A lock of the kind that frameworks make: add, and erase by the holder.
TEST_P(AtomicOnServers, ALockMadeOfAddHasOneHolder) {
  const int rounds = GetParam() == Stack::memory || GetParam() == Stack::redis ? 700 : is_slow() ? 10 : 50;
  std::atomic<int> inside{0};
  std::atomic<int> second_holders{0};
  std::atomic<int> acquired{0};
  everywhere([&](auto& cache, unsigned thread) {
    for (int i = 0; i < rounds;) {
      if (!cache.add("lock", thread).value()) {
        std::this_thread::yield();
        continue;
      }
      if (inside.fetch_add(1) != 0) ++second_holders;
      inside.fetch_sub(1);
      EXPECT_TRUE(cache.erase("lock"));
      ++acquired;
      ++i;
    }
  });
  EXPECT_EQ(second_holders, 0);
  EXPECT_EQ(acquired, rounds * static_cast<int>(caches * threads_each));
}

/// Over several levels a set removes the key for a moment (docs/atomic.md).
class AtomicOnOneLevel : public AtomicOnServers {};

TEST_P(AtomicOnOneLevel, PlainSetsAndIncrementsKeepTheirOrder) {
  for (int round = 0; round < (is_slow() ? 5 : 20); ++round) {
    caches_[0]->set("n", 0).value();
    everywhere([](auto& cache, unsigned thread) {
      if (thread == 0) {
        cache.set("n", 1'000'000).value();
      } else {
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(cache.increment("n"));
      }
    });
    const auto now = caches_[0]->current("n").value().value.value_or(-1);
    EXPECT_GE(now, 1'000'000) << "no increment brings back what was there before the set";
    EXPECT_LE(now, 1'000'035);
  }
}

std::string name_of(const ::testing::TestParamInfo<Stack>& stack) {
  constexpr std::array names{"Memory",   "Redis", "RedisAndPostgres", "RedisAndPrivateFile",
                             "Postgres", "Sqlite"};
  return names.at(static_cast<std::size_t>(stack.param));
}

INSTANTIATE_TEST_SUITE_P(Every, AtomicOnServers,
                         ::testing::Values(Stack::memory, Stack::redis, Stack::redis_and_postgres,
                                           Stack::redis_and_private_file, Stack::postgres, Stack::sqlite),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Every, AtomicOnOneLevel,
                         ::testing::Values(Stack::memory, Stack::redis, Stack::postgres, Stack::sqlite),
                         name_of);

/// From the start of the server to its kill, one caller gets the lock; the others get false or an error. (A server that
/// keeps nothing on disk has forgotten its locks when it starts again.)
TEST(AtomicWhileRedisDies, ALockHasOneHolderInEachLifeOfTheServer) {
  testing::RedisServer redis;
  int acquired = 0;
  int errors = 0;
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> holders{0};
    std::atomic<int> failed{0};
    std::atomic<int> calls{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        Cache<std::int64_t> cache({.name = "locks", .ttl = 30s, .ttl_jitter = 0},
                                  {make_redis_tier({.url = redis.url()})});
        while (true) {
          const auto got = cache.add("lock", round);
          ++calls;
          if (got && *got) ++holders;
          if (!got && calls > 100) {
            ++failed;
            return;
          }
        }
      });
    }
    while (calls < 1000) std::this_thread::yield();
    redis.kill9();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(holders, 1) << "round " << round;
    acquired += holders;
    errors += failed;
    redis.start();
  }
  EXPECT_EQ(acquired, 5);
  EXPECT_EQ(errors, 20);
}

}  // namespace
}  // namespace terrace
