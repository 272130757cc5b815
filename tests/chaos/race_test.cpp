/// The stale-set race between processes, over a real Redis: does a value come back that a writer has
/// replaced?

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "chaos/processes.hpp"
#include "support/redis_server.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t keys = 8;

/// The origin: a version for each key. `written`: what the origin has. `told`: what the writer has
/// invalidated for, so that no read that begins later may show less.
struct World {
  std::array<std::atomic<std::uint64_t>, keys> written;
  std::array<std::atomic<std::uint64_t>, keys> told;
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<std::uint64_t> loads{0};
  std::atomic<bool> stop{false};
};

/// The origin takes its time: what it read may be old by the time it answers.
std::uint64_t load(World& world, std::size_t key) {
  ++world.loads;
  const std::uint64_t version = world.written[key];
  for (int i = 0; i < 20; ++i) sched_yield();
  return version;
}

void check(World& world, std::uint64_t floor, std::uint64_t got) {
  if (got < floor) ++world.stale;
  ++world.operations;
}

using Versions = Cache<std::uint64_t>;

Versions make_cache(const std::string& url) {
  return Versions({.name = "race", .consistency = Consistency::strong}, {make_redis_tier({.url = url})});
}

void read_with_terrace(const std::string& url, World& world, std::uint32_t seed) {
  Versions cache = make_cache(url);
  std::minstd_rand random(seed);
  while (!world.stop) {
    const std::size_t key = random() % keys;
    const std::uint64_t floor = world.told[key];
    const auto got = cache.get_or_load(std::to_string(key), [&] { return load(world, key); });
    if (got) check(world, floor, *got);
  }
}

void write_with_terrace(const std::string& url, World& world, std::uint32_t seed, std::uint64_t operations) {
  Versions cache = make_cache(url);
  std::minstd_rand random(seed);
  while (world.operations < operations) {
    const std::size_t key = random() % keys;
    const std::uint64_t version = ++world.written[key];
    if (cache.erase(std::to_string(key))) world.told[key] = version;
    ++world.operations;
  }
  world.stop = true;
}

/// What programs write by hand over the same Redis: get, else load and set; the writer deletes.
class Naive {
 public:
  explicit Naive(const std::string& url) : tier_(make_redis_tier({.url = url, .key_prefix = "naive:"})) {}

  std::optional<std::uint64_t> get(std::size_t key) {
    const auto found = wait<Found>(
        [&](auto deadline, auto done) { tier_->get(std::to_string(key), deadline, std::move(done)); });
    if (!found || !*found) return std::nullopt;
    return std::stoull(**found);
  }
  void set(std::size_t key, std::uint64_t version) {
    const std::string value = std::to_string(version);
    static_cast<void>(wait<void>([&](auto deadline, auto done) {
      tier_->set(std::to_string(key), value, std::nullopt, deadline, std::move(done));
    }));
  }
  bool erase(std::size_t key) {
    return wait<bool>([&](auto deadline, auto done) {
             tier_->erase(std::to_string(key), deadline, std::move(done));
           })
        .has_value();
  }

 private:
  template <class T, class Start>
  Result<T> wait(Start start) {
    auto latch = std::make_shared<Latch>();
    auto outcome = std::make_shared<std::optional<Result<T>>>();
    start(after(system_clock().now(), 5s), [latch, outcome](Result<T> told) {
      outcome->emplace(std::move(told));
      latch->open();
    });
    Runtime::common()->wait(*latch, no_deadline);
    return std::move(**outcome);
  }

  std::shared_ptr<Tier> tier_;
};

void read_naively(const std::string& url, World& world, std::uint32_t seed) {
  Naive cache(url);
  std::minstd_rand random(seed);
  while (!world.stop) {
    const std::size_t key = random() % keys;
    const std::uint64_t floor = world.told[key];
    if (const auto got = cache.get(key)) {
      check(world, floor, *got);
    } else {
      cache.set(key, load(world, key));
      ++world.operations;
    }
  }
}

void write_naively(const std::string& url, World& world, std::uint32_t seed, std::uint64_t operations) {
  Naive cache(url);
  std::minstd_rand random(seed);
  while (world.operations < operations) {
    const std::size_t key = random() % keys;
    const std::uint64_t version = ++world.written[key];
    if (cache.erase(key)) world.told[key] = version;
    ++world.operations;
  }
  world.stop = true;
}

template <class Read, class Write>
void race(std::uint32_t seed, Read read, Write write) {
  Processes processes;
  for (std::uint32_t reader = 1; reader <= 3; ++reader) processes.start([&] { read(seed + reader); });
  processes.start([&] { write(seed); });
  EXPECT_EQ(processes.join(), 0U);
}

TEST(Race, F12_FourProcessesNoStaleFill) {
  const std::uint32_t seed = std::random_device{}();
  const std::uint64_t operations = scaled(30'000, 1'000'000);
  testing::RedisServer server;
  const std::string url = server.url();
  InCommon<World> terrace;
  race(
      seed, [&](std::uint32_t s) { read_with_terrace(url, *terrace, s); },
      [&](std::uint32_t s) { write_with_terrace(url, *terrace, s, operations); });
  InCommon<World> naive;
  race(
      seed, [&](std::uint32_t s) { read_naively(url, *naive, s); },
      [&](std::uint32_t s) { write_naively(url, *naive, s, std::min<std::uint64_t>(operations, 200'000)); });
  std::printf("seed %u: terrace %lu stale of %lu operations, %lu loads; naive control %lu of %lu\n", seed,
              terrace->stale.load(), terrace->operations.load(), terrace->loads.load(), naive->stale.load(),
              naive->operations.load());
  EXPECT_EQ(terrace->stale, 0U);
  EXPECT_GE(terrace->operations, operations);
  EXPECT_GT(naive->stale, 0U) << "the control shows nothing, so neither does the test";
}

}  // namespace
}  // namespace terrace::chaos
