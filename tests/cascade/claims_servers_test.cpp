/// Rule Claim on real servers: PostgreSQL alone and below Redis, and one SQLite file of several processes.

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <terrace/cache.hpp>
#include <terrace/postgres.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "support/child_process.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"
#include "support/seed.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;

enum class Over : std::uint8_t { postgres, redis_and_postgres, sqlite };

class ClaimsOnServers : public ::testing::TestWithParam<Over> {
 protected:
  /// As another process: with connections and a memory of its own.
  [[nodiscard]] Strings make(Consistency consistency = Consistency::eventual) {
    std::vector<std::shared_ptr<Tier>> tiers;
    if (GetParam() == Over::redis_and_postgres) {
      if (redis_ == nullptr) redis_ = std::make_unique<testing::RedisServer>();
      tiers.push_back(make_redis_tier({.url = redis_->url()}));
    }
    if (GetParam() == Over::sqlite) {
      tiers.push_back(make_sqlite_tier({.path = folder_.file("cache.db")}));
    } else {
      if (postgres_ == nullptr) postgres_ = std::make_unique<testing::PostgresServer>();
      tiers.push_back(make_postgres_tier({.url = postgres_->url()}));
    }
    return Strings(
        {.name = "users", .ttl = 1h, .ttl_jitter = 0, .consistency = consistency, .tier_timeout = 5s},
        std::move(tiers));
  }

  const testing::TempDir folder_;
  std::unique_ptr<testing::RedisServer> redis_;
  std::unique_ptr<testing::PostgresServer> postgres_;
};

TEST_P(ClaimsOnServers, F12_ALoadFromBeforeAnotherProcesssEraseFillsNothing) {
  const std::pair<const char*, void (*)(Strings&)> changes[] = {
      {"erase", [](Strings& other) { other.erase("k").value(); }},
      {"set", [](Strings& other) { other.set("k", "new").value(); }},
      {"clear", [](Strings& other) { other.clear().value(); }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    Strings a = make();
    Strings b = make();
    std::promise<void> loading;
    std::promise<void> changed;
    std::thread reader([&] {
      const auto value = a.get_or_load("k", [&] {
        loading.set_value();
        changed.get_future().wait();
        return std::string("old");
      });
      EXPECT_EQ(value.value(), "old");
    });
    loading.get_future().wait();
    change(b);
    changed.set_value();
    reader.join();
    a.flush().value();
    EXPECT_NE(b.get("k"), "old");
    EXPECT_NE(make().get("k"), "old") << "a new process, which asks the levels";
    make().clear().value();
  }
}

TEST_P(ClaimsOnServers, WhatIsLoadedIsKept) {
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    Strings a = make();
    EXPECT_EQ(a.get_or_load(key, [] { return std::string("v"); }).value(), "v");
    a.flush().value();
    EXPECT_EQ(make().get(key), "v");
    if (i == 2) break;
  }
}

/// Processes read, load and erase a few keys at random; every load takes what the origin has. Nobody reads a value
/// that was erased before the read began.
TEST_P(ClaimsOnServers, StrongReadsNeverSeeAnErasedVersion) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  constexpr int threads = 4, keys = 2, rounds = 250;
  std::array<std::atomic<int>, keys> origin{};
  std::array<std::atomic<int>, keys> erased{};  // every version up to this one is out of the cache
  std::atomic<int> stale{0};
  std::vector<std::unique_ptr<Strings>> caches;
  for (int t = 0; t < threads; ++t) caches.push_back(std::make_unique<Strings>(make(Consistency::strong)));
  std::array<std::mutex, keys> writing;
  std::vector<std::thread> processes;
  for (int t = 0; t < threads; ++t) {
    processes.emplace_back([&, t, random = std::mt19937_64(seed + static_cast<unsigned>(t))]() mutable {
      Strings& cache = *caches[static_cast<std::size_t>(t)];
      for (int i = 0; i < rounds; ++i) {
        const std::size_t k = random() % keys;
        const std::string key = "k" + std::to_string(k);
        if (random() % 5 == 0) {
          const std::lock_guard lock(writing[k]);
          const int before = origin[k]++;
          if (cache.erase(key)) erased[k] = before + 1;
        } else {
          const int least = erased[k];
          const auto value = cache.get_or_load(key, [&] {
            const int now = origin[k];
            if (random() % 3 == 0) std::this_thread::yield();
            return std::to_string(now);
          });
          if (value && std::stoi(*value) < least) ++stale;
        }
      }
    });
  }
  for (std::thread& process : processes) process.join();
  EXPECT_EQ(stale, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, ClaimsOnServers,
                         ::testing::Values(Over::postgres, Over::redis_and_postgres, Over::sqlite),
                         [](const auto& over) {
                           return over.param == Over::postgres             ? "Postgres"
                                  : over.param == Over::redis_and_postgres ? "RedisAndPostgres"
                                                                           : "Sqlite";
                         });

}  // namespace
}  // namespace terrace
